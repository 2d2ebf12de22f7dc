package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.CacheDocument;
import dev.finetune.trainer.cache.Content;
import dev.finetune.trainer.cache.Fingerprint;

/**
 * The digest of a local file that was hashed.
 *
 * @param key its absolute path
 * @param fingerprint what it looked like
 * @param sha256 of its bytes
 * @param hashedAt seconds since 1970
 */
record CachedDigest(String key, Fingerprint fingerprint, String sha256, long hashedAt)
    implements CacheDocument {
  @Override
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public boolean sound() {
    return fingerprint != null && Content.isSha256(sha256);
  }
}
