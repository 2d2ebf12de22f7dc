package dev.finetune.trainer.cache;

import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Small documents by kind and key. A document that is broken is as good as none; one that lies must
 * be noticed by its reader.
 */
final class Index {
  private static final int MOST_BYTES = 8 << 20;
  private static final Set<OpenOption> READ =
      Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);

  private final CacheFolder folder;
  private final Consumer<String> notices;

  Index(CacheFolder folder, Consumer<String> notices) {
    this.folder = folder;
    this.notices = notices;
  }

  <T extends CacheDocument> Optional<T> find(Class<T> type, String key) {
    Path file = file(type, key);
    try {
      Optional<T> found = read(file, type, key);
      if (found.isEmpty()) {
        notices.accept("cache: " + file + " is broken and is removed");
        Files.deleteIfExists(file);
      }
      return found;
    } catch (NoSuchFileException | ClosedByInterruptException e) {
      // Who was interrupted gives up; nothing is wrong with the file.
      return Optional.empty();
    } catch (IOException e) {
      notices.accept("cache: " + file + " cannot be read: " + e.getMessage());
      return Optional.empty();
    }
  }

  @SuppressWarnings("NullAway") // A document is JSON, which may be null.
  private static <T extends CacheDocument> Optional<T> read(Path file, Class<T> type, String key)
      throws IOException {
    // Opening a pipe would wait for who writes to it.
    if (!Fingerprint.read(file, LinkOption.NOFOLLOW_LINKS).regular()) {
      return Optional.empty();
    }
    byte[] content;
    try (SeekableByteChannel channel = Files.newByteChannel(file, READ);
        InputStream in = Channels.newInputStream(channel)) {
      if (channel.size() > MOST_BYTES) {
        return Optional.empty();
      }
      content = in.readNBytes(MOST_BYTES);
    }
    try {
      T document = RunJson.read(content, type);
      return document != null && key.equals(document.key()) && document.sound()
          ? Optional.of(document)
          : Optional.empty();
    } catch (IOException e) {
      // Not JSON, or not this kind of document.
      return Optional.empty();
    }
  }

  /** Writes a document, in place of the one of this key if there is one. */
  void put(CacheDocument document) {
    Path partial = folder.partial();
    try {
      Files.write(partial, RunJson.write(document), StandardOpenOption.CREATE_NEW);
      folder.restrict(partial);
      Files.move(
          partial,
          file(document.getClass(), document.key()),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (ClosedByInterruptException e) {
      ContentCache.deleteQuietly(partial);
    } catch (IOException e) {
      notices.accept("cache " + folder.root() + ": index not written: " + e.getMessage());
      ContentCache.deleteQuietly(partial);
    }
  }

  void remove(Class<? extends CacheDocument> type, String key) throws IOException {
    Files.deleteIfExists(file(type, key));
  }

  private Path file(Class<? extends CacheDocument> type, String key) {
    String digest = Sha256.of(key.getBytes(StandardCharsets.UTF_8));
    return folder.index().resolve(type.getSimpleName() + "-" + digest + ".json");
  }
}
