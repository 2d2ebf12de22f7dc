package dev.finetune.trainer.cache;

import java.time.Duration;
import java.time.Instant;

/**
 * When a file of the cache was found to be what its name says, what it looked like then, and when
 * it was last used.
 *
 * @param key the SHA-256
 * @param fingerprint of the file that was hashed
 * @param checkedAt seconds since 1970
 * @param usedAt seconds since 1970
 */
record CheckedContent(String key, Fingerprint fingerprint, long checkedAt, long usedAt)
    implements CacheDocument {
  /** A disk that loses bits by itself changes no time, so hashing must come round. */
  private static final Duration CHECK_AGAIN_AFTER = Duration.ofDays(7);

  /** Between two writes of the time of use. */
  private static final Duration USE_GRAIN = Duration.ofMinutes(1);

  @Override
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public boolean sound() {
    return fingerprint != null;
  }

  /** Returns whether a file need not be hashed. */
  boolean vouchesFor(Fingerprint found, Instant now) {
    long age = now.getEpochSecond() - checkedAt;
    return fingerprint.sameBytes(found) && age >= 0 && age < CHECK_AGAIN_AFTER.toSeconds();
  }

  boolean isOldUse(Instant now) {
    return Math.abs(now.getEpochSecond() - usedAt) >= USE_GRAIN.toSeconds();
  }

  CheckedContent usedAt(Instant now) {
    return new CheckedContent(key, fingerprint, checkedAt, now.getEpochSecond());
  }
}
