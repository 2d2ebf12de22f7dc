package dev.finetune.trainer.cache;

import dev.finetune.trainer.storage.LocalFolders;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A folder with what this process uses, and a heartbeat in it. The files are further names of those
 * in the cache, so that what another process removes stays readable here. The folder of a process
 * that died is removed by whoever opens the cache once its heartbeat is an hour old.
 */
final class Lease implements AutoCloseable {
  /** Longer than any outage that a process gets over. */
  static final Duration DEAD_AFTER = Duration.ofHours(1);

  private static final Duration BEAT = Duration.ofMinutes(1);
  private static final String HEARTBEAT = "heartbeat";

  private final CacheFolder folder;
  private final Path path;
  private final Thread thread;

  private Lease(CacheFolder folder, Path path) {
    this.folder = folder;
    this.path = path;
    this.thread = Thread.ofVirtual().name("cache-heartbeat").unstarted(this::beat);
  }

  /** Makes a folder for this process and removes what dead ones left. */
  static Lease take(CacheFolder folder) throws IOException {
    Path path = folder.use().resolve(UUID.randomUUID().toString());
    folder.make(path);
    Lease lease = new Lease(folder, path);
    lease.touch();
    lease.sweep();
    lease.thread.start();
    return lease;
  }

  Path path() {
    return path;
  }

  private void beat() {
    try {
      while (true) {
        Thread.sleep(BEAT);
        touch();
      }
    } catch (InterruptedException e) {
      // Closed.
      Thread.currentThread().interrupt();
    } catch (NoSuchFileException e) {
      log("another process took this one for dead: {0}", e);
    } catch (IOException e) {
      log("no heartbeat any more: {0}", e);
    }
  }

  private static void log(String text, IOException e) {
    System.getLogger(Lease.class.getName()).log(System.Logger.Level.WARNING, text, e.getMessage());
  }

  private void touch() throws IOException {
    Path heartbeat = path.resolve(HEARTBEAT);
    // Written, not dated: so the time is that of the file server, as it is for other processes.
    Files.write(heartbeat, new byte[] {'.'});
    folder.restrict(heartbeat);
  }

  private void sweep() throws IOException {
    Instant now = modified(path.resolve(HEARTBEAT));
    if (now == null) {
      return;
    }
    Instant dead = now.minus(DEAD_AFTER);
    try (DirectoryStream<Path> leases = Files.newDirectoryStream(folder.use())) {
      for (Path lease : leases) {
        Instant last = modified(lease.resolve(HEARTBEAT));
        removeIfOlder(lease, last == null ? modified(lease) : last, dead);
      }
    }
    try (DirectoryStream<Path> partials = Files.newDirectoryStream(folder.partials())) {
      for (Path partial : partials) {
        removeIfOlder(partial, modified(partial), dead);
      }
    }
  }

  private static void removeIfOlder(Path path, @Nullable Instant time, Instant limit) {
    if (time != null && time.isBefore(limit)) {
      LocalFolders.deleteQuietly(path);
    }
  }

  /** Returns the time of a file's last write, or null if it is gone. */
  private static @Nullable Instant modified(Path path) throws IOException {
    try {
      return Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS).toInstant();
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    LocalFolders.deleteQuietly(path);
  }
}
