package dev.finetune.trainer.source;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Which files of a folder matter, and the digest over them. */
final class SourceFiles {
  private static final Set<String> SUFFIXES =
      Set.of("safetensors", "gguf", "json", "jsonl", "txt", "model", "parquet", "csv", "jinja");
  private static final int MAX_DEPTH = 4;
  private static final int MAX_FILES = 10_000;

  /**
   * Size and digest of one file.
   *
   * @param bytes its size
   * @param digest its digest, with the kind before a colon
   */
  record FileIdentity(long bytes, String digest) {}

  private SourceFiles() {}

  /**
   * Returns whether a file of a folder is model or data: by its suffix, and not hidden. A folder
   * often holds the same weights in other formats, which nobody reads.
   *
   * @param name path relative to the folder, with slashes
   */
  static boolean matters(String name) {
    String last = name.substring(name.lastIndexOf('/') + 1);
    boolean hidden = Stream.of(name.split("/", -1)).anyMatch(part -> part.startsWith("."));
    return !hidden && SUFFIXES.contains(last.substring(last.lastIndexOf('.') + 1));
  }

  /** Returns the identity of a local file or folder, by the digests of its files. */
  static SourceIdentity identify(String field, String uri, Path path, LocalDigests digests) {
    try {
      if (Files.isRegularFile(path)) {
        String digest = "sha256:" + digests.of(path);
        return new SourceIdentity(uri, digest, Files.size(path), digest);
      }
      SourceIdentity folder = of(field, uri, folder(field, path, digests));
      return new SourceIdentity(uri, folder.digest(), folder.bytes(), folder.digest());
    } catch (NoSuchFileException e) {
      throw new UnreadableData(field + ": " + e.getFile() + " vanished while it was read", e);
    } catch (IOException e) {
      throw new UnreadableData(field + ": cannot read " + path + ": " + e.getMessage(), e);
    }
  }

  /** Returns the local files that a pattern names, by name, and the identity of all of them. */
  static Source matching(
      String field, String uri, Path folder, FilePattern pattern, LocalDigests digests) {
    List<Path> paths = new ArrayList<>();
    SortedMap<String, FileIdentity> files = new TreeMap<>();
    try {
      try (DirectoryStream<Path> all = Files.newDirectoryStream(folder)) {
        for (Path file : all) {
          if (pattern.matches(file.getFileName().toString())
              && Files.isRegularFile(file)
              && paths.size() <= FilePattern.MOST_FILES) {
            paths.add(file);
          }
        }
      }
      FilePattern.requireSome(field, uri, paths.size());
      Collections.sort(paths);
      for (Path file : paths) {
        files.put(
            file.getFileName().toString(),
            new FileIdentity(Files.size(file), "sha256:" + digests.of(file)));
      }
    } catch (NoSuchFileException | NotDirectoryException e) {
      throw new UnreadableData(field + ": no such file or folder: " + e.getFile(), e);
    } catch (IOException e) {
      throw new UnreadableData(field + ": cannot read " + folder + ": " + e.getMessage(), e);
    }
    SourceIdentity identity = of(field, uri, files);
    return new Source(
        folder,
        paths,
        new SourceIdentity(uri, identity.digest(), identity.bytes(), identity.digest()));
  }

  /** Returns the identity of a folder. */
  static SourceIdentity of(String field, String uri, SortedMap<String, FileIdentity> files) {
    requireSome(field, uri, files.size());
    StringBuilder lines = new StringBuilder();
    long bytes = 0;
    for (Map.Entry<String, FileIdentity> file : files.entrySet()) {
      FileIdentity identity = file.getValue();
      lines.append(file.getKey()).append('\0').append(identity.bytes()).append('\0');
      lines.append(identity.digest()).append('\n');
      bytes = Math.addExact(bytes, identity.bytes());
    }
    byte[] content = lines.toString().getBytes(StandardCharsets.UTF_8);
    return new SourceIdentity(uri, "sha256:" + Sha256.of(content), bytes);
  }

  /** Refuses a folder with nothing to read. */
  static void requireSome(String field, String uri, int files) {
    if (files == 0) {
      throw new UnreadableData(
          field
              + ": "
              + uri
              + " must hold model or data files, but none ends in one of "
              + SUFFIXES.stream().sorted().toList());
    }
  }

  private static SortedMap<String, FileIdentity> folder(
      String field, Path folder, LocalDigests digests) throws IOException {
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(folder, MAX_DEPTH)) {
      paths =
          walk.filter(path -> matters(name(folder, path)))
              .filter(path -> Files.isRegularFile(path) || !Files.exists(path))
              .limit(MAX_FILES + 1L)
              .toList();
    }
    if (paths.size() > MAX_FILES) {
      throw new UnreadableData(
          field + ": " + folder + " must hold at most " + MAX_FILES + " files, holds more");
    }
    SortedMap<String, FileIdentity> files = new TreeMap<>();
    for (Path path : paths) {
      if (!Files.exists(path) && Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
        throw new UnreadableData(field + ": " + path + " is a link to a missing file");
      }
      files.put(
          name(folder, path), new FileIdentity(Files.size(path), "sha256:" + digests.of(path)));
    }
    return files;
  }

  private static String name(Path folder, Path path) {
    return folder.relativize(path).toString().replace('\\', '/');
  }
}
