package dev.finetune.trainer.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.cache.CacheLimit;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is asked of a server that counts, and what is not. */
class WarmCacheTest {
  private static final String FIELD = "spec.model.uri";
  private static final String FOLDER = "s3://models/llama";
  private static final String OBJECT = "s3://models/data/train.jsonl";

  @TempDir private Path folder;
  private final List<String> notices = Collections.synchronizedList(new ArrayList<>());
  private CountingServer server;
  private StorageSettings settings;

  @BeforeEach
  void start() throws IOException {
    server = CountingServer.start();
    settings = StorageSettings.at(server.endpoint(), "a", "b");
    server.put("llama/config.json", "{}");
    server.put("llama/model.safetensors", "weights");
    server.put("llama/sub/tokenizer.json", "{ }");
    server.put("llama/empty.txt", "");
    server.put("data/train.jsonl", "rows");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void whatAnEarlierAttemptReadIsTakenFromTheCacheWithoutARequest() throws IOException {
    for (String uri : List.of(FOLDER, OBJECT)) {
      SourceIdentity first = identity(uri, null);
      assertThat(server.takeRequests()).isNotEmpty();
      assertThat(identity(uri, first)).isEqualTo(first);
      assertThat(server.takeRequests()).isEmpty();
    }
    SourceIdentity expected = identity(FOLDER, null);
    server.close();
    try (Sources later = sources()) {
      Source source = later.fetch(FIELD, FOLDER, settings, expected);
      assertThat(source.path()).hasFileName("llama");
      assertThat(source.path().resolve("sub/tokenizer.json")).hasContent("{ }");
      assertThat(source.path().resolve("empty.txt")).isEmptyFile();
    }
  }

  @Test
  void withoutAnEarlierAttemptTheServerIsAskedWhatItHasAndNoMore() throws IOException {
    SourceIdentity first = identity(FOLDER, null);
    server.takeRequests();
    assertThat(identity(FOLDER, null)).isEqualTo(first);
    assertThat(server.takeRequests()).containsExactly("HEAD /models/llama", "GET /models");
    server.put("llama/config.json", "{ \"changed\": true }");
    SourceIdentity changed = identity(FOLDER, null);
    assertThat(changed.digest()).isNotEqualTo(first.digest());
    assertThat(changed.content()).isNotEqualTo(first.content());
    assertThat(server.takeRequests())
        .containsExactly("HEAD /models/llama", "GET /models", "GET /models/llama/config.json");
  }

  @Test
  void aFileThatIsBrokenOrGoneIsDownloadedAgainAndOnlyThat() throws IOException {
    SourceIdentity first = identity(FOLDER, null);
    Path weights = stored("weights");
    server.takeRequests();
    Files.writeString(weights, "Weights");
    assertThat(identity(FOLDER, first)).isEqualTo(first);
    assertThat(server.takeRequests()).contains("GET /models/llama/model.safetensors").hasSize(3);
    assertThat(notices).singleElement().asString().contains("has other bytes than its name says");
    Files.delete(weights);
    assertThat(identity(FOLDER, first)).isEqualTo(first);
    assertThat(server.takeRequests()).contains("GET /models/llama/model.safetensors").hasSize(3);
    assertThat(weights).hasContent("weights");
  }

  @Test
  void otherBytesOnTheServerAreFoundOutOnceTheCacheIsCold() throws IOException {
    SourceIdentity first = identity(OBJECT, null);
    server.put("data/train.jsonl", "ROWS");
    assertThat(identity(OBJECT, first)).isEqualTo(first);
    Files.delete(stored("rows"));
    SourceIdentity now = identity(OBJECT, first);
    assertThat(now.matches(first)).isFalse();
  }

  @Test
  void anIndexThatNamesOtherBytesIsFoundOutByWhatTheRunRecorded() throws IOException {
    SourceIdentity first = identity(OBJECT, null);
    identity(FOLDER, null);
    lie("rows", "weights");
    SourceIdentity lied = new SourceIdentity(first.uri(), first.digest(), first.bytes(), null);
    assertThat(identity(OBJECT, lied).content()).as("sizes differ").isEqualTo(first.content());

    server.put("llama/evil.json", "evil");
    identity(FOLDER, null);
    lie("rows", "evil");
    server.takeRequests();
    try (Sources sources = sources()) {
      Source source = sources.fetch(FIELD, OBJECT, settings, first);
      assertThat(source.identity()).isEqualTo(first);
      assertThat(source.path()).hasContent("rows");
    }
    assertThat(server.takeRequests()).contains("GET /models/data/train.jsonl");
    assertThat(notices).last().asString().contains("other bytes of the same ETags");
  }

  @Test
  void anIndexWhoseNamesClimbIsNotFollowed() throws IOException {
    SourceIdentity first = identity(FOLDER, null);
    for (Path document : list("index")) {
      if (document.getFileName().toString().startsWith("CachedSource")) {
        Files.writeString(
            document, Files.readString(document).replace("sub/tokenizer.json", "../../evil.json"));
      }
    }
    assertThat(identity(FOLDER, first)).isEqualTo(first);
    assertThat(notices).singleElement().asString().contains("CachedSource").contains("is broken");
    try (Stream<Path> all = Files.walk(folder)) {
      assertThat(all.filter(file -> file.endsWith("evil.json"))).isEmpty();
    }
  }

  @Test
  void processesThatDownloadTheSameAtOnceEndWithOneCopyOfIt() throws Exception {
    int processes = 6;
    CyclicBarrier together = new CyclicBarrier(processes);
    Callable<SourceIdentity> process =
        () -> {
          together.await();
          return identity(FOLDER, null);
        };
    try (ExecutorService threads = Executors.newFixedThreadPool(processes)) {
      List<Future<SourceIdentity>> all = threads.invokeAll(Collections.nCopies(processes, process));
      for (Future<SourceIdentity> one : all) {
        assertThat(one.get()).isEqualTo(all.getFirst().get());
      }
    }
    assertThat(list("files")).hasSize(4);
    assertThat(list("partial")).isEmpty();
    assertThat(list("use")).isEmpty();
    assertThat(notices).isEmpty();
    server.takeRequests();
    identity(FOLDER, identity(FOLDER, null));
    assertThat(server.takeRequests()).containsExactly("HEAD /models/llama", "GET /models");
  }

  @Test
  void aDownloadThatIsCutLeavesNothingAndIsMadeAgain() throws IOException {
    server.cut(2);
    identity(FOLDER, null);
    assertThat(list("files")).hasSize(4);
    assertThat(list("partial")).isEmpty();
    server.put("llama/more.json", "more");
    server.cut(Integer.MAX_VALUE);
    StorageSettings impatient =
        settings.with(settings.silence(), new Retry(tick(1), tick(1), tick(10)));
    try (Sources sources = sources()) {
      assertThatThrownBy(() -> sources.fetch(FIELD, FOLDER, impatient))
          .isInstanceOf(StorageUnreachable.class)
          .hasMessageContaining("llama/more.json");
    }
    assertThat(list("files")).hasSize(4);
    assertThat(list("partial")).isEmpty();
  }

  @Test
  void aLimitTooSmallForTheModelIsSaidBeforeItIsDownloaded() {
    server.takeRequests();
    try (Sources sources = new Sources(cache(), Map.of(CacheLimit.VARIABLE, "11"), notices::add)) {
      assertThatThrownBy(() -> sources.fetch(FIELD, FOLDER, settings))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessage(
              "FINETUNE_CACHE_LIMIT: must hold s3://models/llama, which has 12 bytes; was 11");
    }
    assertThat(server.takeRequests()).containsExactly("HEAD /models/llama", "GET /models");
  }

  /** Lets the index say of the object with some bytes that it has others. */
  private void lie(String truth, String instead) throws IOException {
    for (Path document : list("index")) {
      String json = Files.readString(document);
      if (!document.getFileName().toString().startsWith("Checked")) {
        Files.writeString(
            document,
            json.replace(
                stored(truth).getFileName().toString(), stored(instead).getFileName().toString()));
      }
    }
  }

  private Path stored(String text) throws IOException {
    for (Path file : list("files")) {
      if (Files.readString(file).equals(text)) {
        return file;
      }
    }
    throw new IllegalStateException("the cache has no '" + text + "'");
  }

  private SourceIdentity identity(String uri, SourceIdentity expected) {
    try (Sources sources = sources()) {
      return sources.fetch(FIELD, uri, settings, expected).identity();
    }
  }

  private Sources sources() {
    return new Sources(cache(), Map.of(), notices::add);
  }

  private static Duration tick(int millis) {
    return Duration.ofMillis(millis);
  }

  private Path cache() {
    return folder.resolve("cache");
  }

  private List<Path> list(String part) throws IOException {
    try (Stream<Path> files = Files.list(cache().resolve(part))) {
      return files.toList();
    }
  }
}
