package dev.finetune.trainer.source;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ObjectKey;
import java.util.Optional;

/**
 * A URI whose last part names several files: each {@code *} stands for any characters but a slash.
 * Hidden files, whose names begin with a dot, are not meant unless the pattern begins with one.
 *
 * @param folder the URI up to the last part, with the slash if it has one
 * @param name the last part
 */
record FilePattern(String folder, String name) {
  /** Most files that one may name. */
  static final int MOST_FILES = 10_000;

  /**
   * Returns the pattern of a URI, if it is one.
   *
   * @throws InvalidConfiguration if there is a {@code *} before the last part
   */
  static Optional<FilePattern> of(String field, String uri) {
    if (uri.indexOf('*') < 0) {
      return Optional.empty();
    }
    int end = Math.max(uri.lastIndexOf('/'), uri.indexOf(':')) + 1;
    FilePattern pattern = new FilePattern(uri.substring(0, end), uri.substring(end));
    if (pattern.folder.indexOf('*') >= 0 || pattern.name.isEmpty()) {
      throw new InvalidConfiguration(
          field + ": may have * in its last part only, was " + ObjectKey.printable(uri));
    }
    return Optional.of(pattern);
  }

  /** Returns whether it names a file of its folder. Takes no more than length times length. */
  boolean matches(String file) {
    if (file.startsWith(".") && !name.startsWith(".")) {
      return false;
    }
    int at = 0;
    int place = 0;
    int star = -1;
    int restart = 0;
    while (place < file.length()) {
      if (at < name.length() && name.charAt(at) == '*') {
        star = at++;
        restart = place;
      } else if (at < name.length() && name.charAt(at) == file.charAt(place)) {
        at++;
        place++;
      } else if (star >= 0) {
        // The last star takes one more.
        at = star + 1;
        place = ++restart;
      } else {
        return false;
      }
    }
    while (at < name.length() && name.charAt(at) == '*') {
      at++;
    }
    return at == name.length();
  }

  /** Refuses none and too many. */
  static void requireSome(String field, String uri, int files) {
    if (files == 0) {
      throw new UnreadableData(field + ": no file matches " + ObjectKey.printable(uri));
    }
    if (files > MOST_FILES) {
      throw new UnreadableData(
          "%s: %s must match at most %d files, matches more"
              .formatted(field, ObjectKey.printable(uri), MOST_FILES));
    }
  }
}
