package dev.finetune.trainer.model;

import dev.finetune.trainer.cache.CacheDocument;
import dev.finetune.trainer.cache.Content;

/**
 * The file with the quantized weights of a model.
 *
 * @param key what they were made of, and how
 * @param sha256 of the file
 * @param bytes its size
 */
record QuantizedFile(String key, String sha256, long bytes) implements CacheDocument {
  @Override
  public boolean sound() {
    return Content.isSha256(sha256) && bytes >= 0;
  }

  Content content() {
    return new Content(sha256, bytes);
  }
}
