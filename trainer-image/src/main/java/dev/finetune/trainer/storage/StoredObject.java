package dev.finetune.trainer.storage;

/**
 * An object as a listing shows it.
 *
 * @param key its key below the root of the store, as the store gave it: check before use as a path
 * @param bytes its size
 * @param etag its ETag
 */
public record StoredObject(String key, long bytes, String etag) {}
