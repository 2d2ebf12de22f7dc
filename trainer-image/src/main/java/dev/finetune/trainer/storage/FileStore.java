package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;

/**
 * Objects as files below a folder. Every write goes to a private file, is forced to disk, and is
 * then linked or renamed to its name, so that a crash or a full disk leaves the former object or
 * none. Conditional writes hold a lock file, so that they are atomic among processes on one machine
 * (and on network file systems whose locks work).
 *
 * <p>The ETag of an object of up to 8 MiB is the SHA-256 of its content, of a larger one its size,
 * time and file number.
 */
public final class FileStore implements ObjectStore {
  /** Folder below the root for the lock and for files that are being written. */
  static final String PRIVATE_FOLDER = ".finetune-store";

  private static final int MAX_LISTED = 100_000;

  // A file lock belongs to the process, so the threads of one process need a lock of their own, and
  // all stores on one folder need the same one.
  private static final Map<Path, ReentrantLock> LOCKS = new ConcurrentHashMap<>();

  private final Path root;
  private final Path privateFolder;
  private final ReentrantLock lock;
  private final UnaryOperator<WritableByteChannel> disk;

  private FileStore(Path root, UnaryOperator<WritableByteChannel> disk) {
    this.root = root;
    this.privateFolder = root.resolve(PRIVATE_FOLDER);
    this.lock = LOCKS.computeIfAbsent(root, path -> new ReentrantLock());
    this.disk = disk;
  }

  /**
   * Opens a folder, which is made if absent.
   *
   * @throws InvalidConfiguration if it is a file or must not be written
   */
  public static FileStore open(Path root) {
    return open(root, UnaryOperator.identity());
  }

  /** Opens a folder on a disk that may fail: the operator wraps the channel of every write. */
  static FileStore open(Path root, UnaryOperator<WritableByteChannel> disk) {
    Path absolute = root.toAbsolutePath().normalize();
    refuseFileOnTheWay(absolute);
    try {
      Files.createDirectories(absolute.resolve(PRIVATE_FOLDER));
      FileStore store = new FileStore(absolute.toRealPath(), disk);
      store.removeLeftovers();
      return store;
    } catch (IOException e) {
      throw LocalFile.failure("make the folder", absolute, e);
    }
  }

  private static void refuseFileOnTheWay(Path root) {
    Path existing = root;
    while (existing != null && !Files.exists(existing)) {
      existing = existing.getParent();
    }
    if (existing != null && !Files.isDirectory(existing)) {
      throw new InvalidConfiguration(
          "spec.storage.uri: must be a folder, but " + existing + " is a file");
    }
  }

  @Override
  public Optional<Document> get(String key, int maxBytes) {
    Path file = path(key);
    try (InputStream in = Files.newInputStream(file)) {
      byte[] content = in.readNBytes(maxBytes);
      if (in.read() >= 0) {
        throw LocalFile.tooLarge(location(key), maxBytes);
      }
      return Optional.of(new Document(content, etag(file, content)));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw LocalFile.failure("read", file, e);
    }
  }

  @Override
  public Optional<Downloaded> download(String key, Path target, long maxBytes) {
    Path file = path(key);
    try (InputStream in = Files.newInputStream(file)) {
      return Optional.of(
          LocalFile.receive(location(key), in, describe(key, file).etag(), target, maxBytes));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw LocalFile.failure("read", file, e);
    }
  }

  @Override
  public String put(String key, byte[] content) {
    Path target = path(key);
    try {
      Path written = write(new ByteArrayInputStream(checkSize(content)));
      try {
        replace(written, target);
      } finally {
        LocalFile.deleteQuietly(written);
      }
      return Sha256.of(content);
    } catch (IOException e) {
      throw LocalFile.failure("write", target, e);
    }
  }

  @Override
  public String upload(String key, Path file) {
    Path target = path(key);
    try (InputStream in = Files.newInputStream(file)) {
      Path written = write(in);
      try {
        replace(written, target);
      } finally {
        LocalFile.deleteQuietly(written);
      }
      return describe(key, target).etag();
    } catch (IOException e) {
      throw LocalFile.failure("write", target, e);
    }
  }

  @Override
  public ConditionalWrite putIfAbsent(String key, byte[] content) {
    Path target = path(key);
    return locked(
        target,
        content,
        written -> {
          if (Files.exists(target)) {
            return new ConditionalWrite.PreconditionFailed();
          }
          try {
            create(written, target);
          } catch (FileAlreadyExistsException e) {
            return new ConditionalWrite.PreconditionFailed();
          }
          return new ConditionalWrite.Written(Sha256.of(content));
        });
  }

  @Override
  public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
    Path target = path(key);
    return locked(
        target,
        content,
        written -> {
          if (!Files.exists(target) || !describe(key, target).etag().equals(etag)) {
            return new ConditionalWrite.PreconditionFailed();
          }
          replace(written, target);
          return new ConditionalWrite.Written(Sha256.of(content));
        });
  }

  @Override
  public List<StoredObject> list(String folder) {
    Path start = ObjectKey.checkFolder(folder).isEmpty() ? root : root.resolve(folder);
    List<StoredObject> objects = new ArrayList<>();
    if (Files.isDirectory(start)) {
      try {
        Files.walkFileTree(start, new Lister(objects));
      } catch (IOException e) {
        throw LocalFile.failure("list", start, e);
      }
    }
    objects.sort(Comparator.comparing(StoredObject::key));
    return List.copyOf(objects);
  }

  @Override
  public Optional<StoredObject> head(String key) {
    Path file = path(key);
    try {
      return Files.isRegularFile(file) ? Optional.of(describe(key, file)) : Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw LocalFile.failure("read", file, e);
    }
  }

  @Override
  public void delete(String key) {
    Path file = path(key);
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw LocalFile.failure("delete", file, e);
    }
  }

  @Override
  public String location(String key) {
    return "file:" + root.resolve(key);
  }

  @Override
  public void close() {
    // Nothing is open between calls.
  }

  private interface Change {
    ConditionalWrite apply(Path written) throws IOException;
  }

  private ConditionalWrite locked(Path target, byte[] content, Change change) {
    try {
      Path written = write(new ByteArrayInputStream(checkSize(content)));
      lock.lock();
      try (FileChannel channel =
              FileChannel.open(
                  privateFolder.resolve("lock"),
                  StandardOpenOption.CREATE,
                  StandardOpenOption.WRITE);
          FileLock _ = channel.lock()) {
        return change.apply(written);
      } finally {
        lock.unlock();
        LocalFile.deleteQuietly(written);
      }
    } catch (IOException e) {
      // The disk answers for itself: unlike a lost answer of a server, nothing is left in doubt
      // that reading again would not show.
      return switch (LocalFile.failure("write", target, e)) {
        case StorageUnreachable unreachable -> new ConditionalWrite.Unanswered(unreachable);
        case TrainingFailure other -> throw other;
      };
    }
  }

  private Path write(InputStream in) throws IOException {
    Files.createDirectories(privateFolder);
    Path file = privateFolder.resolve(UUID.randomUUID().toString());
    try {
      LocalFile.write(
          file, in, Sha256.digest(), new LocalFile.Bound("object", Long.MAX_VALUE), disk);
      return file;
    } catch (IOException e) {
      LocalFile.deleteQuietly(file);
      throw e;
    }
  }

  private void create(Path written, Path target) throws IOException {
    Files.createDirectories(folder(target));
    try {
      Files.createLink(target, written);
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (UnsupportedOperationException | FileSystemException e) {
      // Some file systems have no hard links; under the lock a rename after the check is as good.
      Files.move(written, target, StandardCopyOption.ATOMIC_MOVE);
    }
    forceFolder(folder(target));
  }

  private void replace(Path written, Path target) throws IOException {
    Files.createDirectories(folder(target));
    Files.move(
        written, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    forceFolder(folder(target));
  }

  /** A rename is durable once the folder is. */
  private static void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private Path path(String key) {
    Path path = root.resolve(ObjectKey.check(key)).normalize();
    if (!path.startsWith(root)) {
      throw new IllegalArgumentException("key: leaves the store: " + ObjectKey.printable(key));
    }
    return path;
  }

  private Path folder(Path target) {
    Path folder = target.getParent();
    return folder == null ? root : folder;
  }

  private static byte[] checkSize(byte[] content) {
    if (content.length > MAX_DOCUMENT_BYTES) {
      throw new IllegalArgumentException(
          "content: must be at most " + MAX_DOCUMENT_BYTES + " bytes, was " + content.length);
    }
    return content;
  }

  private static StoredObject describe(String key, Path file) throws IOException {
    long bytes = Files.size(file);
    String etag = bytes <= MAX_DOCUMENT_BYTES ? Sha256.of(file) : version(file);
    return new StoredObject(key, bytes, etag);
  }

  private static String etag(Path file, byte[] content) throws IOException {
    return content.length <= MAX_DOCUMENT_BYTES ? Sha256.of(content) : version(file);
  }

  private static String version(Path file) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    return attributes.size()
        + "-"
        + attributes.lastModifiedTime().toInstant()
        + "-"
        + attributes.fileKey();
  }

  /** A process that was killed leaves what it was writing. */
  private void removeLeftovers() throws IOException {
    Instant old = Instant.now().minus(Duration.ofDays(1));
    try (var files = Files.newDirectoryStream(privateFolder)) {
      for (Path file : files) {
        if (!file.endsWith("lock") && Files.getLastModifiedTime(file).toInstant().isBefore(old)) {
          LocalFile.deleteQuietly(file);
        }
      }
    }
  }

  private final class Lister extends SimpleFileVisitor<Path> {
    private final List<StoredObject> objects;

    Lister(List<StoredObject> objects) {
      this.objects = objects;
    }

    @Override
    public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
      return folder.equals(privateFolder) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      if (objects.size() == MAX_LISTED) {
        throw new UnreadableData(root + ": holds more than " + MAX_LISTED + " objects");
      }
      try {
        if (attributes.isRegularFile()) {
          objects.add(describe(root.relativize(file).toString(), file));
        }
      } catch (NoSuchFileException e) {
        return visitFileFailed(file, e);
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
      // An object that was deleted while its folder is read was not there.
      if (e instanceof NoSuchFileException) {
        return FileVisitResult.CONTINUE;
      }
      throw e;
    }
  }
}
