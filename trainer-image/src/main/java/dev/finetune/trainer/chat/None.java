package dev.finetune.trainer.chat;

/** Python's None: there, and nothing; a name that is not there is {@link Undefined}. */
enum None {
  NONE
}
