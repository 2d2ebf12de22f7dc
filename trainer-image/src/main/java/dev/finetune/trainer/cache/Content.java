package dev.finetune.trainer.cache;

import java.util.regex.Pattern;

/**
 * Bytes by their digest.
 *
 * @param sha256 SHA-256 in lower-case hexadecimal
 * @param bytes how many they are
 */
public record Content(String sha256, long bytes) {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /** Checks both: a digest names a file of the cache, so it must be nothing else. */
  public Content {
    if (!isSha256(sha256)) {
      throw new IllegalArgumentException("sha256: must be 64 hexadecimal digits");
    }
    if (bytes < 0) {
      throw new IllegalArgumentException("bytes: must not be negative, was " + bytes);
    }
  }

  /** Returns whether a text is a SHA-256. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public static boolean isSha256(String text) {
    return text != null && SHA256.matcher(text).matches();
  }
}
