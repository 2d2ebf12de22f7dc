package dev.finetune.trainer.source;

/**
 * Which bytes a URI stood for.
 *
 * @param uri as written in the job
 * @param digest {@code sha256:} of the bytes of a local file, {@code etag:} of an S3 object, or
 *     {@code sha256:} over names, sizes and digests of the files of a folder
 * @param bytes size in all
 */
public record SourceIdentity(String uri, String digest, long bytes) {}
