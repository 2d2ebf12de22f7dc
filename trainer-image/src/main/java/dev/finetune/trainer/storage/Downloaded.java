package dev.finetune.trainer.storage;

/**
 * An object that was copied to a local file.
 *
 * @param bytes its size
 * @param etag its ETag at that time
 * @param sha256 SHA-256 of the bytes that were written, in hexadecimal
 */
public record Downloaded(long bytes, String etag, String sha256) {}
