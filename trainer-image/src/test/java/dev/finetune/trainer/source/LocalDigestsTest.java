package dev.finetune.trainer.source;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.cache.CacheLimit;
import dev.finetune.trainer.cache.ContentCache;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whether a file is hashed shows in whether a wrong digest in the index comes back. */
class LocalDigestsTest {
  private static final String WRONG = "0".repeat(64);

  @TempDir private Path folder;
  private ContentCache cache;
  private Path file;

  @BeforeEach
  void make() throws IOException {
    cache = ContentCache.open(folder.resolve("cache"), CacheLimit.NONE, _ -> {});
    file = folder.resolve("model.gguf");
    size(LocalDigests.LEAST_BYTES);
  }

  @AfterEach
  void close() {
    cache.close();
  }

  @Test
  void aLargeFileThatWasNotTouchedIsHashedOnce() throws IOException {
    String digest = digest(Duration.ofMinutes(1));
    assertThat(digest).isEqualTo(Sha256.of(file));
    forge();
    assertThat(digest(Duration.ofMinutes(2))).isEqualTo(WRONG);
    assertThat(digest(Duration.ofDays(8))).as("a week later").isEqualTo(digest);
  }

  @Test
  void aFileThatWasWrittenToIsHashedAgainThoughItsTimesWereSetBack() throws IOException {
    digest(Duration.ofMinutes(1));
    forge();
    FileTime before = Files.getLastModifiedTime(file);
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.write('x');
    }
    Files.setLastModifiedTime(file, before);
    assertThat(digest(Duration.ofMinutes(2))).isEqualTo(Sha256.of(file));
  }

  @Test
  void aFileThatWasReplacedIsHashedAgain() throws IOException {
    digest(Duration.ofMinutes(1));
    forge();
    Path other = Files.copy(file, folder.resolve("other"));
    Files.setLastModifiedTime(other, Files.getLastModifiedTime(file));
    Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
    assertThat(digest(Duration.ofMinutes(2))).isEqualTo(Sha256.of(file));
  }

  @Test
  void aFileThatWasWrittenAMomentAgoIsNotRemembered() throws IOException {
    digest(Duration.ZERO);
    assertThat(documents()).isEmpty();
  }

  @Test
  void smallFilesAreHashedAlways() throws IOException {
    size(LocalDigests.LEAST_BYTES - 1);
    digest(Duration.ofMinutes(1));
    assertThat(documents()).isEmpty();
  }

  @Test
  void withoutACacheFilesAreHashed() throws IOException {
    assertThat(new LocalDigests(Optional::empty, Clock.systemUTC()).of(file))
        .isEqualTo(Sha256.of(file));
  }

  private void size(long bytes) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.setLength(bytes);
    }
  }

  private String digest(Duration later) throws IOException {
    Clock clock = Clock.fixed(Instant.now().plus(later), ZoneOffset.UTC);
    return new LocalDigests(() -> Optional.of(cache), clock).of(file);
  }

  private void forge() throws IOException {
    for (Path document : documents()) {
      Files.writeString(document, Files.readString(document).replaceAll("[0-9a-f]{64}", WRONG));
    }
  }

  private List<Path> documents() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("cache/index"))) {
      return files.toList();
    }
  }
}
