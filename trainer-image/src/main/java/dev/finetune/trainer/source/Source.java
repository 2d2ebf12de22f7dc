package dev.finetune.trainer.source;

import java.nio.file.Path;
import java.util.List;

/**
 * A file or folder that is on the local disk.
 *
 * @param path the file, or the folder with the files
 * @param files the file, or those that a pattern named, by name; only the folder itself where a
 *     folder was asked for
 * @param identity which bytes it holds
 */
public record Source(Path path, List<Path> files, SourceIdentity identity) {
  /** Keeps an unmodifiable copy of the list. */
  public Source {
    files = List.copyOf(files);
  }

  /** Makes one of a single file or folder. */
  public Source(Path path, SourceIdentity identity) {
    this(path, List.of(path), identity);
  }
}
