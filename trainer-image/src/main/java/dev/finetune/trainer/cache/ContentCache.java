package dev.finetune.trainer.cache;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Files by the SHA-256 of their bytes, and small documents about them, in a folder that several
 * processes on several machines may use at once.
 *
 * <p>Nothing rests on file locks: what is written gets a name of its own and then, whole, its name
 * in the cache by a rename. What is read gets a further name (a hard link) in the folder of this
 * process first and is checked there, so that whatever others remove or replace, what was checked
 * is what is read. Where a file system has no hard links a copy is made.
 *
 * <p>A file is checked when a process first uses it: its size always; its digest unless the index
 * says that a file of this size, time of writing and inode was hashed within the last seven days.
 * What does not hold is said, removed and as good as absent. Trusted are only those times and
 * inodes: whoever can write to the volume can forge the index.
 *
 * <p>Methods may be called by several threads.
 */
public final class ContentCache implements AutoCloseable {
  private final CacheFolder folder;
  private final Index index;
  private final Lease lease;
  private final Eviction eviction;
  private final Clock clock;
  private final Consumer<String> notices;
  private final AtomicInteger views = new AtomicInteger();

  private ContentCache(
      CacheFolder folder, Lease lease, Limits limits, Clock clock, Consumer<String> notices) {
    this.folder = folder;
    this.index = new Index(folder, notices);
    this.lease = lease;
    this.eviction = new Eviction(folder, index, limits, notices);
    this.clock = clock;
    this.notices = notices;
  }

  /** A disk. */
  interface Disk {
    /** Returns how many bytes more it takes. */
    long usable() throws IOException;
  }

  /**
   * What a cache may take.
   *
   * @param bytes most bytes
   * @param disk that it lies on
   */
  record Limits(long bytes, Disk disk) {}

  /** Writes bytes to a new file, waits until they are on the disk, and says what they are. */
  public interface Writer {
    Content write(Path target) throws IOException;
  }

  /**
   * Opens a cache, making its folder if need be, and removes what dead processes left in it. The
   * caller closes it once nothing of it is read any more.
   *
   * @param limit most bytes, or {@link CacheLimit#NONE}
   * @param notices takes a sentence on whatever was found broken or was removed
   * @throws StorageUnreachable if the folder cannot be used
   */
  public static ContentCache open(Path root, long limit, Consumer<String> notices) {
    Path path = root.toAbsolutePath();
    return open(
        path,
        new Limits(limit, () -> Files.getFileStore(path).getUsableSpace()),
        Clock.systemUTC(),
        notices);
  }

  static ContentCache open(Path root, Limits limits, Clock clock, Consumer<String> notices) {
    CacheFolder folder = CacheFolder.open(root);
    try {
      return new ContentCache(folder, Lease.take(folder), limits, clock, notices);
    } catch (IOException e) {
      throw CacheFolder.unusable(root, e);
    }
  }

  /** Returns the folder of the cache. */
  public Path root() {
    return folder.root();
  }

  /** Returns a new empty folder for names of files that this process uses; gone when closed. */
  public Path newView() {
    Path view = lease.path().resolve(Integer.toString(views.getAndIncrement()));
    try {
      folder.make(view);
      return view;
    } catch (IOException e) {
      throw CacheFolder.unusable(root(), e);
    }
  }

  /**
   * Gives a file of the cache a name for this process.
   *
   * @param name the new name, below a {@link #newView}; folders between are made
   * @return whether it is there; false: the cache has no such file, or had a broken one
   */
  public boolean use(Content content, Path name) {
    Path stored = folder.file(content.sha256());
    try {
      makeParents(name);
      boolean linked = link(stored, name);
      String fault = fault(content, name, linked);
      if (fault == null) {
        return true;
      }
      notices.accept("cache: " + stored + " " + fault + "; it is removed");
      Files.deleteIfExists(name);
      removeBroken(content, stored);
      return false;
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      throw CacheFolder.unusable(root(), e);
    }
  }

  private void removeBroken(Content content, Path stored) throws IOException {
    Files.deleteIfExists(stored);
    index.remove(CheckedContent.class, content.sha256());
  }

  /** Returns what is wrong with a file, or null. */
  private @Nullable String fault(Content content, Path name, boolean linked) throws IOException {
    Fingerprint.Entry entry = Fingerprint.read(name, LinkOption.NOFOLLOW_LINKS);
    if (!entry.regular()) {
      return "is no file";
    }
    Fingerprint found = entry.fingerprint();
    if (found.bytes() != content.bytes()) {
      return "must have " + content.bytes() + " bytes, has " + found.bytes();
    }
    Instant now = clock.instant();
    Optional<CheckedContent> checked = index.find(CheckedContent.class, content.sha256());
    if (linked && checked.isPresent() && checked.get().vouchesFor(found, now)) {
      if (checked.get().isOldUse(now)) {
        index.put(checked.get().usedAt(now));
      }
      return null;
    }
    if (!Sha256.of(name).equals(content.sha256())) {
      return "has other bytes than its name says";
    }
    putChecked(content, found);
    return null;
  }

  private void putChecked(Content content, Fingerprint found) {
    long now = clock.instant().getEpochSecond();
    index.put(new CheckedContent(content.sha256(), found, now, now));
  }

  /**
   * Puts a file into the cache.
   *
   * @param name a name for this process, as for {@link #use}, or null if it is not read now
   * @param writer makes the file
   * @throws StorageUnreachable if the disk fails
   */
  public Content add(@Nullable Path name, Writer writer) {
    Path partial = folder.partial();
    try {
      Content content = writer.write(partial);
      folder.restrict(partial);
      if (name != null) {
        makeParents(name);
        // Named before others can see and remove it.
        link(partial, name);
      }
      Files.move(
          partial,
          folder.file(content.sha256()),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
      putChecked(
          content,
          Fingerprint.read(folder.file(content.sha256()), LinkOption.NOFOLLOW_LINKS).fingerprint());
      return content;
    } catch (IOException e) {
      throw CacheFolder.unusable(root(), e);
    } finally {
      deleteQuietly(partial);
    }
  }

  /** Makes a further name, or a copy; returns whether it is the same file. */
  private static boolean link(Path file, Path name) throws IOException {
    try {
      Files.createLink(name, file);
      return true;
    } catch (NoSuchFileException | FileAlreadyExistsException e) {
      throw e;
    } catch (UnsupportedOperationException | FileSystemException e) {
      Files.copy(file, name, LinkOption.NOFOLLOW_LINKS);
      return false;
    }
  }

  private void makeParents(Path name) throws IOException {
    Path below = lease.path().relativize(name).normalize();
    if (below.startsWith("..") || below.isAbsolute()) {
      throw new IllegalArgumentException(name + " is not below " + lease.path());
    }
    Path folderSoFar = lease.path();
    for (int i = 0; i < below.getNameCount() - 1; i++) {
      folderSoFar = folderSoFar.resolve(below.getName(i));
      folder.make(folderSoFar);
    }
  }

  /**
   * Removes files that were not used for longest until some bytes more fit.
   *
   * @param what they are, for the message
   * @throws InvalidConfiguration if they are more than the limit
   * @throws StorageUnreachable if they do not fit because too much is in use or the disk is full;
   *     the message names the folder and the sizes
   */
  public void makeRoom(String what, long bytes) {
    try {
      eviction.makeRoom(what, bytes);
    } catch (IOException e) {
      throw CacheFolder.unusable(root(), e);
    }
  }

  /** Returns a document; a broken one is removed. */
  public <T extends CacheDocument> Optional<T> find(Class<T> type, String key) {
    return index.find(type, key);
  }

  /** Keeps a document; if that fails, it is said and the document is forgotten. */
  public void put(CacheDocument document) {
    index.put(document);
  }

  /** Removes a file that nobody would take for whole. */
  static void deleteQuietly(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      System.getLogger(ContentCache.class.getName())
          .log(System.Logger.Level.DEBUG, "leftover {0} stays: {1}", file, e.getMessage());
    }
  }

  /** Gives the names of this process up. */
  @Override
  public void close() {
    lease.close();
  }
}
