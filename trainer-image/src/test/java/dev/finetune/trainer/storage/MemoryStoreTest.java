package dev.finetune.trainer.storage;

/** The store that other tests build on must be a store too. */
class MemoryStoreTest extends ObjectStoreContract {
  @Override
  ObjectStore open() {
    return new MemoryStore();
  }
}
