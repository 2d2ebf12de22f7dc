package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.Content;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A file of a repository as the Hub lists it.
 *
 * @param path in the repository
 * @param bytes its size
 * @param blob SHA-1 of it as a blob of git; that of its pointer if it is large
 * @param sha256 of its bytes if it is large, else null
 */
record HubFile(String path, long bytes, String blob, @Nullable String sha256) {
  private static final Pattern SHA1 = Pattern.compile("[0-9a-f]{40}");

  /** Returns whether every field is in its range. */
  boolean sound() {
    return bytes >= 0
        && SHA1.matcher(blob).matches()
        && (sha256 == null || Content.isSha256(sha256));
  }

  /** Returns which bytes it has, if the listing says so. */
  Optional<Content> content() {
    return Optional.ofNullable(sha256).map(digest -> new Content(digest, bytes));
  }

  /** Returns its name without its folder. */
  String name() {
    return path.substring(path.lastIndexOf('/') + 1);
  }
}
