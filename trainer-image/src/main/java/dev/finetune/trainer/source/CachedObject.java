package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.CacheDocument;
import dev.finetune.trainer.cache.Content;

/**
 * Which bytes an object of S3 was.
 *
 * @param key endpoint, bucket, name, ETag and size
 * @param sha256 of its bytes
 * @param bytes its size
 */
record CachedObject(String key, String sha256, long bytes) implements CacheDocument {
  @Override
  public boolean sound() {
    return Content.isSha256(sha256) && bytes >= 0;
  }

  Content content() {
    return new Content(sha256, bytes);
  }
}
