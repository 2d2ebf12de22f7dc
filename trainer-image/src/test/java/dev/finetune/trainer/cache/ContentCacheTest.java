package dev.finetune.trainer.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each cache that is opened stands for a process: they share nothing but the folder. */
class ContentCacheTest {
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

  @TempDir private Path folder;
  private final List<ContentCache> open = new ArrayList<>();
  private final List<String> notices = Collections.synchronizedList(new ArrayList<>());

  @AfterEach
  void close() {
    open.forEach(ContentCache::close);
  }

  @Test
  void whatOneProcessAddedTheNextOneUses() throws IOException {
    Content content = add(process(), "weights");
    ContentCache second = process();
    Path name = second.newView().resolve("model/sub.safetensors");
    assertThat(second.use(content, name)).isTrue();
    assertThat(name).hasContent("weights");
    assertThat(notices).isEmpty();
  }

  @Test
  void threadsThatUseFilesOfOneNewFolderDoNotHinderEachOther() throws Exception {
    ContentCache cache = process();
    Content content = add(cache, "weights");
    for (int round = 0; round < 50; round++) {
      Path view = cache.newView();
      CyclicBarrier start = new CyclicBarrier(8);
      List<Callable<Boolean>> uses = new ArrayList<>();
      for (int file = 0; file < 8; file++) {
        Path name = view.resolve("a/b/c/d/part-" + file);
        uses.add(
            () -> {
              start.await();
              return cache.use(content, name);
            });
      }
      try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
        for (Future<Boolean> used : threads.invokeAll(uses)) {
          assertThat(used.get()).isTrue();
        }
      }
    }
  }

  @Test
  void doesNotHaveWhatNobodyAdded() {
    ContentCache cache = process();
    assertThat(cache.use(content("weights"), cache.newView().resolve("x"))).isFalse();
    assertThat(notices).isEmpty();
  }

  /** What may become of a file. */
  enum Damage {
    FLIPPED {
      @Override
      void to(Path file) throws IOException {
        Files.writeString(file, "Weights");
      }
    },
    CUT {
      @Override
      void to(Path file) throws IOException {
        Files.writeString(file, "weig");
      }
    },
    EMPTIED {
      @Override
      void to(Path file) throws IOException {
        Files.write(file, new byte[0]);
      }
    },
    REPLACED_BY_A_LINK {
      @Override
      void to(Path file) throws IOException {
        Path outside = Files.writeString(file.resolveSibling("../outside"), "weights");
        Files.delete(file);
        Files.createSymbolicLink(file, outside.toRealPath());
      }
    };

    abstract void to(Path file) throws IOException;
  }

  @ParameterizedTest
  @EnumSource
  void noticesSaysAndRemovesWhatIsBroken(Damage damage) throws IOException {
    ContentCache first = process();
    Content content = add(first, "weights");
    Path stored = folder.resolve("cache/files").resolve(content.sha256());
    damage.to(stored);
    ContentCache second = process();
    Path name = second.newView().resolve("x");
    assertThat(second.use(content, name)).isFalse();
    assertThat(name).doesNotExist();
    assertThat(stored).doesNotExist();
    assertThat(notices).singleElement().asString().contains(stored + " ").contains("is removed");

    assertThat(add(second, "weights")).isEqualTo(content);
    assertThat(second.use(content, name)).isTrue();
  }

  @Test
  void aFileThatLooksAsItDidIsHashedAgainAfterAWeek() throws IOException {
    Content content = add(process(), "weights");
    Path stored = folder.resolve("cache/files").resolve(content.sha256());
    FileTime before = Files.getLastModifiedTime(stored);
    Files.writeString(stored, "Weights");
    Files.setLastModifiedTime(stored, before);
    ContentCache soon = process(NOW.plus(Duration.ofDays(6)));
    assertThat(soon.use(content, soon.newView().resolve("x"))).as("trusted").isTrue();
    ContentCache later = process(NOW.plus(Duration.ofDays(8)));
    assertThat(later.use(content, later.newView().resolve("x"))).isFalse();
  }

  @Test
  void anIndexThatVouchesForOtherBytesIsNotBelieved() throws IOException {
    Content content = add(process(), "weights");
    Path stored = folder.resolve("cache/files").resolve(content.sha256());
    Files.delete(stored);
    Files.writeString(stored, "Weights");
    ContentCache second = process();
    assertThat(second.use(content, second.newView().resolve("x"))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "null", "[]", "{\"key\": \"other\"}", "{\"fingerprint\": 1}"})
  void aBrokenIndexCostsAHashAndNoMore(String broken) throws IOException {
    Content content = add(process(), "weights");
    Path index;
    try (Stream<Path> files = Files.list(folder.resolve("cache/index"))) {
      index = files.findFirst().orElseThrow();
    }
    Files.writeString(index, broken);
    ContentCache second = process();
    assertThat(second.use(content, second.newView().resolve("x"))).isTrue();
    assertThat(notices).singleElement().asString().contains("is broken");
    assertThat(index).exists();
  }

  @Test
  void whoIsInterruptedGivesUpAndBlamesNoFile() throws IOException {
    Content content = add(process(), "weights");
    ContentCache second = process();
    CheckedContent known = second.find(CheckedContent.class, content.sha256()).orElseThrow();
    Thread.currentThread().interrupt();
    try {
      assertThat(second.find(CheckedContent.class, content.sha256())).isEmpty();
      second.put(known);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(notices).isEmpty();
    assertThat(folder.resolve("cache/partial")).isEmptyDirectory();
    assertThat(second.find(CheckedContent.class, content.sha256())).contains(known);
  }

  @Test
  void anIndexThatIsAPipeIsNotWaitedFor() throws Exception {
    Content content = add(process(), "weights");
    Path index = list("index").getFirst();
    Files.delete(index);
    assertThat(new ProcessBuilder("mkfifo", index.toString()).start().waitFor()).isZero();
    ContentCache second = process();
    assertThat(second.use(content, second.newView().resolve("x"))).isTrue();
    assertThat(index).isRegularFile();
  }

  @Test
  void manyProcessesThatAddAndUseTheSameEndWithOneFile() throws Exception {
    List<Future<Boolean>> all = new ArrayList<>();
    CountDownLatch start = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (int process = 0; process < 8; process++) {
        ContentCache cache = process();
        all.add(
            threads.submit(
                () -> {
                  start.await();
                  boolean good = true;
                  for (int round = 0; round < 50; round++) {
                    Path added = cache.newView().resolve("added");
                    Content content = cache.add(added, file -> write(file, "weights"));
                    Path used = cache.newView().resolve("used");
                    good &= cache.use(content, used);
                    good &= Files.readString(added).equals(Files.readString(used));
                  }
                  return good;
                }));
      }
      start.countDown();
      for (Future<Boolean> one : all) {
        assertThat(one.get()).isTrue();
      }
    }
    assertThat(notices).isEmpty();
    assertThat(folder.resolve("cache/files")).isDirectoryContaining("glob:**");
    assertThat(list("files")).hasSize(1);
    assertThat(list("partial")).isEmpty();
  }

  @Test
  void nothingIsSeenOfWhatWasNotFinished() throws IOException {
    ContentCache cache = process();
    assertThatThrownBy(
            () ->
                cache.add(
                    cache.newView().resolve("x"),
                    file -> {
                      Files.writeString(file, "weig");
                      throw new IOException("No space left on device");
                    }))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("cache " + folder.resolve("cache").toRealPath())
        .hasMessageContaining("No space left on device");
    assertThat(list("files")).isEmpty();
    assertThat(list("partial")).isEmpty();
  }

  @Test
  void whatADeadProcessLeftGoesAfterAnHourAndNotBefore() throws IOException {
    process();
    Path old = Files.writeString(folder.resolve("cache/partial/old"), "weig");
    Path fresh = Files.writeString(folder.resolve("cache/partial/fresh"), "weig");
    Path dead = Files.createDirectories(folder.resolve("cache/use/dead/0")).getParent();
    Files.writeString(dead.resolve("heartbeat"), ".");
    Path living = list("use").stream().filter(lease -> !lease.equals(dead)).findFirst().get();
    age(old, 61);
    age(fresh, 59);
    age(dead.resolve("heartbeat"), 61);
    age(living.resolve("heartbeat"), 59);
    process();
    assertThat(old).doesNotExist();
    assertThat(dead).doesNotExist();
    assertThat(fresh).exists();
    assertThat(living).exists();
  }

  @Test
  void whatWasNotUsedForLongestGoesFirstAndNothingInUse() throws IOException {
    ContentCache first = process(NOW);
    Content used = add(first, "0123456789");
    first.use(used, first.newView().resolve("x"));
    Content oldest = add(process(NOW.plusSeconds(100)), "1123456789");
    Content newer = add(process(NOW.plusSeconds(200)), "2123456789");
    ContentCache again = process(NOW.plusSeconds(300));
    assertThat(again.use(oldest, again.newView().resolve("x"))).isTrue();
    again.close();

    ContentCache last = open(new ContentCache.Limits(40, () -> 1000), NOW);
    last.makeRoom("ten more", 10);
    assertThat(list("files")).hasSize(3);
    last.makeRoom("twenty more", 20);
    assertThat(list("files"))
        .extracting(file -> file.getFileName().toString())
        .containsExactlyInAnyOrder(used.sha256(), oldest.sha256());
    last.makeRoom("thirty more", 30);
    assertThat(list("files"))
        .extracting(file -> file.getFileName().toString())
        .containsExactly(used.sha256());
    assertThat(notices).hasSize(2).first().asString().contains(newer.sha256());
    assertThatThrownBy(() -> last.makeRoom("forty more", 40))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessage(
            "cache "
                + folder.resolve("cache").toRealPath()
                + ": needs 40 bytes for forty more, but 1000 are free on its disk and it holds 10"
                + " of at most 40 (FINETUNE_CACHE_LIMIT), which running processes use");
  }

  @Test
  void saysThatALimitIsTooSmallForOneSource() {
    ContentCache cache = open(new ContentCache.Limits(40, () -> 1000), NOW);
    assertThatThrownBy(() -> cache.makeRoom("s3://models/large", 41))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "FINETUNE_CACHE_LIMIT: must hold s3://models/large, which has 41 bytes; was 40");
  }

  @Test
  void whatIsInUseStaysThoughTheLimitWasLowered() throws IOException {
    Content used = add(process(), "0123456789");
    ContentCache cache = open(new ContentCache.Limits(5, () -> 1000), NOW);
    assertThat(cache.use(used, cache.newView().resolve("x"))).isTrue();
    cache.makeRoom("nothing", 0);
    assertThat(list("files")).hasSize(1);
  }

  @Test
  void makesRoomOnADiskThatIsFull() throws IOException {
    add(process(), "0123456789");
    ContentCache cache =
        open(new ContentCache.Limits(CacheLimit.NONE, () -> list("files").isEmpty() ? 10 : 0), NOW);
    cache.makeRoom("ten bytes", 10);
    assertThat(list("files")).isEmpty();
    assertThatThrownBy(() -> cache.makeRoom("eleven bytes", 11))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("needs 11 bytes for eleven bytes, but 10 are free");
  }

  @Test
  void whatAnotherProcessRemovesStaysReadable() throws IOException {
    ContentCache reader = process();
    Content content = add(reader, "weights");
    Path name = reader.newView().resolve("x");
    assertThat(reader.use(content, name)).isTrue();
    Files.delete(folder.resolve("cache/files").resolve(content.sha256()));
    assertThat(name).hasContent("weights");
  }

  @Test
  void onlyTheOwnerMayReadUnlessTheFolderIsAGroups() throws IOException {
    Content content = add(process(), "weights");
    Path stored = folder.resolve("cache/files").resolve(content.sha256());
    assertThat(permissions(folder.resolve("cache"))).isEqualTo("rwx------");
    assertThat(permissions(folder.resolve("cache/index"))).isEqualTo("rwx------");
    assertThat(permissions(stored)).isEqualTo("rw-------");

    Path shared = Files.createDirectory(folder.resolve("shared"));
    Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString("rwxrwx---"));
    try (ContentCache group = ContentCache.open(shared, CacheLimit.NONE, notices::add)) {
      add(group, "weights");
    }
    assertThat(permissions(shared.resolve("files"))).isEqualTo("rwxrwx---");
    assertThat(permissions(shared.resolve("files").resolve(content.sha256())))
        .isEqualTo("rw-rw----");
  }

  @ParameterizedTest
  @ValueSource(strings = {"files", "index", "partial", "use"})
  void refusesAFolderThatLeadsElsewhere(String part) throws IOException {
    Path cache = Files.createDirectory(folder.resolve("cache"));
    Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
    Files.createSymbolicLink(cache.resolve(part), elsewhere);
    assertThatThrownBy(this::process)
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining(part + " must be a folder, is a file or a link");
    assertThat(elsewhere).isEmptyDirectory();
  }

  @Test
  void givesNoNameOutsideOfItsFolder() {
    ContentCache cache = process();
    assertThatThrownBy(() -> cache.use(content("x"), cache.newView().resolve("../../../x")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Content("../../../../etc/passwd", 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"2048", "2Ki", "2.048k", "0.001953125Mi"})
  void readsALimit(String text) {
    assertThat(CacheLimit.of(Map.of(CacheLimit.VARIABLE, text))).isEqualTo(2048);
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "2KB", "Gi", "1e9", "two"})
  void refusesALimitThatIsNoSize(String text) {
    assertThatThrownBy(() -> CacheLimit.of(Map.of(CacheLimit.VARIABLE, text)))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("FINETUNE_CACHE_LIMIT: must be a number of bytes");
  }

  private ContentCache process() {
    return process(NOW);
  }

  private ContentCache process(Instant now) {
    return open(new ContentCache.Limits(CacheLimit.NONE, () -> Long.MAX_VALUE), now);
  }

  private ContentCache open(ContentCache.Limits limits, Instant now) {
    ContentCache cache =
        ContentCache.open(
            folder.resolve("cache"), limits, Clock.fixed(now, ZoneOffset.UTC), notices::add);
    open.add(cache);
    return cache;
  }

  private static Content add(ContentCache cache, String text) {
    return cache.add(null, file -> write(file, text));
  }

  private static Content write(Path file, String text) throws IOException {
    Files.writeString(file, text);
    return content(text);
  }

  private static Content content(String text) {
    return new Content(Sha256.of(text.getBytes(StandardCharsets.UTF_8)), text.length());
  }

  private List<Path> list(String part) throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("cache").resolve(part))) {
      return files.toList();
    }
  }

  private static void age(Path file, int minutes) throws IOException {
    Files.setLastModifiedTime(
        file, FileTime.from(Instant.now().minus(Duration.ofMinutes(minutes))));
  }

  private static String permissions(Path file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }
}
