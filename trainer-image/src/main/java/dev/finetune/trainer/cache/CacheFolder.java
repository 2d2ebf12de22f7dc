package dev.finetune.trainer.cache;

import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.UUID;

/**
 * Where things are in a cache:
 *
 * <pre>
 * files/SHA-256      bytes
 * index/*.json       what is known of them
 * partial/UUID       what is being written
 * use/UUID/          what a living process reads, and its heartbeat
 * </pre>
 *
 * <p>Only the owner may read and write them, unless the folder itself lets its group write, as a
 * volume does that pods of several users share; then the group may too.
 */
final class CacheFolder {
  private final Path root;
  private final boolean shared;

  private CacheFolder(Path root, boolean shared) {
    this.root = root;
    this.shared = shared;
  }

  /**
   * Makes what is missing.
   *
   * @throws StorageUnreachable if that fails, or one of the folders is a link
   */
  static CacheFolder open(Path root) {
    try {
      if (!Files.isDirectory(root)) {
        makeRoot(root);
      }
      Path real = root.toRealPath();
      CacheFolder folder = new CacheFolder(real, groupWrites(real));
      for (Path part :
          new Path[] {folder.files(), folder.index(), folder.partials(), folder.use()}) {
        folder.make(part);
      }
      return folder;
    } catch (IOException e) {
      throw unusable(root, e);
    }
  }

  /** Turns what a disk said into a failure that names the cache. */
  static StorageUnreachable unusable(Path root, IOException e) {
    String reason =
        e instanceof FileSystemException failed && failed.getReason() == null
            ? e.getClass().getSimpleName() + " " + failed.getFile()
            : String.valueOf(e.getMessage());
    return new StorageUnreachable("cache " + root + ": cannot be used: " + reason, e);
  }

  Path root() {
    return root;
  }

  Path files() {
    return root.resolve("files");
  }

  Path index() {
    return root.resolve("index");
  }

  Path partials() {
    return root.resolve("partial");
  }

  Path use() {
    return root.resolve("use");
  }

  Path file(String sha256) {
    return files().resolve(sha256);
  }

  /** Returns a name that nobody else has. */
  Path partial() {
    return partials().resolve(UUID.randomUUID().toString());
  }

  /** Makes a folder whose parent is there; one that is there must be no link. */
  void make(Path folder) throws IOException {
    if (Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      Files.createDirectory(folder);
      restrict(folder, shared ? "rwxrwx---" : "rwx------");
    } catch (FileAlreadyExistsException e) {
      // Another thread or process may have been faster.
      if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
        throw new IOException(folder + " must be a folder, is a file or a link", e);
      }
    }
  }

  /** Lets only those read a file who may use the cache. */
  void restrict(Path file) throws IOException {
    restrict(file, shared ? "rw-rw----" : "rw-------");
  }

  private static void restrict(Path path, String permissions) throws IOException {
    try {
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    } catch (UnsupportedOperationException | FileSystemException e) {
      // Such a file system has one set of permissions for all it holds.
      if (!Files.isReadable(path)) {
        throw new IOException(path + " cannot be read by who made it", e);
      }
    }
  }

  private static void makeRoot(Path root) throws IOException {
    Path parent = root.toAbsolutePath().getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    FileAttribute<Set<PosixFilePermission>> owner =
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    try {
      Files.createDirectories(root, owner);
    } catch (UnsupportedOperationException e) {
      Files.createDirectories(root);
    }
  }

  private static boolean groupWrites(Path root) throws IOException {
    try {
      return Files.getPosixFilePermissions(root).contains(PosixFilePermission.GROUP_WRITE);
    } catch (UnsupportedOperationException e) {
      return false;
    }
  }
}
