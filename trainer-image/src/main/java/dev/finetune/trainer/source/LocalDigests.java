package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.ContentCache;
import dev.finetune.trainer.cache.Fingerprint;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * SHA-256 of local files, remembered for large ones by path, size, times of writing and of change,
 * and inode, to the nanosecond.
 *
 * <p>What is trusted: that a file of which none of these differs was not written to. A program
 * cannot set the time of change, so this fails only with a clock that is set back, a disk that is
 * written to below its file system, or writes within one tick of the clock; against the last a
 * digest is kept only of files that had been still for a while, and all are forgotten after a week.
 */
final class LocalDigests {
  /** Smaller ones are hashed sooner than an index is read from a network volume. */
  static final long LEAST_BYTES = 16 << 20;

  private static final Duration STILL = Duration.ofSeconds(5);
  private static final Duration HASH_AGAIN_AFTER = Duration.ofDays(7);

  private final Supplier<Optional<ContentCache>> cache;
  private final Clock clock;

  /**
   * Makes one.
   *
   * @param cache opens the cache, where there is one
   */
  LocalDigests(Supplier<Optional<ContentCache>> cache, Clock clock) {
    this.cache = cache;
    this.clock = clock;
  }

  /**
   * Returns the digest of a file.
   *
   * @throws UnreadableData if it is written to meanwhile
   */
  String of(Path file) throws IOException {
    Fingerprint before = Fingerprint.of(file);
    Optional<ContentCache> index = before.bytes() < LEAST_BYTES ? Optional.empty() : cache.get();
    String key = file.toAbsolutePath().toString();
    Instant now = clock.instant();
    Optional<CachedDigest> known =
        index
            .flatMap(cached -> cached.find(CachedDigest.class, key))
            .filter(digest -> digest.fingerprint().equals(before) && isFresh(digest, now));
    if (known.isPresent()) {
      return known.get().sha256();
    }
    String sha256 = Sha256.of(file);
    if (!Fingerprint.of(file).equals(before)) {
      throw new UnreadableData(file + ": changed while it was read");
    }
    if (isStill(before, now)) {
      index.ifPresent(
          cached -> cached.put(new CachedDigest(key, before, sha256, now.getEpochSecond())));
    }
    return sha256;
  }

  private static boolean isFresh(CachedDigest digest, Instant now) {
    long age = now.getEpochSecond() - digest.hashedAt();
    return age >= 0 && age < HASH_AGAIN_AFTER.toSeconds();
  }

  private static boolean isStill(Fingerprint file, Instant now) {
    long last = TimeUnit.NANOSECONDS.toMillis(Math.max(file.modified(), file.changed()));
    return last < now.minus(STILL).toEpochMilli();
  }
}
