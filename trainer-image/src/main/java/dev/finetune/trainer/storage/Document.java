package dev.finetune.trainer.storage;

/**
 * A small object, read whole.
 *
 * @param content its bytes, owned by the reader
 * @param etag its ETag at that time
 */
@SuppressWarnings("ArrayRecordComponent")
public record Document(byte[] content, String etag) {}
