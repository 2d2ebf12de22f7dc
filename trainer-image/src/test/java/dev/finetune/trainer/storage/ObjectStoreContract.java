package dev.finetune.trainer.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ConditionalWrite.PreconditionFailed;
import dev.finetune.trainer.storage.ConditionalWrite.Unanswered;
import dev.finetune.trainer.storage.ConditionalWrite.Written;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every store must do. */
abstract class ObjectStoreContract {
  @TempDir Path local;
  private ObjectStore store;

  abstract ObjectStore open() throws IOException;

  @BeforeEach
  void openStore() throws IOException {
    // A server may close a connection after an error; the next request then fails once.
    store = open().retrying(Retry.standard());
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  @Test
  void returnsWhatWasWritten() {
    String etag = store.put("a/b.json", bytes("one"));
    Document document = store.get("a/b.json", 3).orElseThrow();
    assertThat(document.content()).isEqualTo(bytes("one"));
    assertThat(document.etag()).isEqualTo(etag);
    assertThat(store.head("a/b.json")).contains(new StoredObject("a/b.json", 3, etag));

    assertThat(store.put("a/b.json", bytes("two!"))).isNotEqualTo(etag);
    assertThat(store.get("a/b.json", 100).orElseThrow().content()).isEqualTo(bytes("two!"));
  }

  @Test
  void saysThatAnObjectIsMissing() {
    assertThat(store.get("nope", 10)).isEmpty();
    assertThat(store.head("nope")).isEmpty();
    assertThat(store.download("nope", local.resolve("x"), 10)).isEmpty();
    assertThat(local.resolve("x")).doesNotExist();
    assertThat(store.list("nope/")).isEmpty();
    store.delete("nope");
  }

  @Test
  void refusesToReadMoreThanAskedFor() {
    store.put("big", new byte[1001]);
    assertThatThrownBy(() -> store.get("big", 1000))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("big: must be at most 1000 bytes");
    assertThatThrownBy(() -> store.download("big", local.resolve("big"), 1000))
        .isInstanceOf(UnreadableData.class);
    assertThat(local).isEmptyDirectory();
  }

  @Test
  void copiesFilesBothWays() throws IOException {
    byte[] content = new byte[3_000_000];
    new Random(1).nextBytes(content);
    Path file = Files.write(local.resolve("in"), content);
    String etag = store.upload("folder/file", file);

    Downloaded downloaded =
        store.download("folder/file", local.resolve("out"), content.length).orElseThrow();
    assertThat(downloaded).isEqualTo(new Downloaded(content.length, etag, Sha256.of(content)));
    assertThat(Files.readAllBytes(local.resolve("out"))).isEqualTo(content);
  }

  @Test
  void letsOneOfManyCreators() throws Exception {
    List<ConditionalWrite> outcomes =
        race(16, i -> store.putIfAbsent("race", bytes("writer " + i)));
    assertThat(outcomes).filteredOn(o -> o instanceof Written).hasSize(1);
    assertThat(outcomes)
        .filteredOn(o -> o instanceof PreconditionFailed || o instanceof Unanswered)
        .hasSize(15);
    int winner = 0;
    while (!(outcomes.get(winner) instanceof Written)) {
      winner++;
    }
    assertThat(store.get("race", 100).orElseThrow().content()).isEqualTo(bytes("writer " + winner));
  }

  @Test
  void letsOneOfManyReplacers() throws Exception {
    String etag = store.put("race", bytes("before"));
    List<ConditionalWrite> outcomes =
        race(16, i -> store.putIfMatch("race", bytes("writer " + i), etag));
    assertThat(outcomes).filteredOn(o -> o instanceof Written).hasSize(1);
    assertThat(outcomes)
        .filteredOn(o -> o instanceof PreconditionFailed || o instanceof Unanswered)
        .hasSize(15);
  }

  @Test
  void replacesOnlyWhatTheEtagNames() {
    String first = written(store.putIfAbsent("k", bytes("1")));
    assertThat(store.putIfAbsent("k", bytes("x"))).isEqualTo(new PreconditionFailed());
    String second = written(store.putIfMatch("k", bytes("2"), first));
    assertThat(store.putIfMatch("k", bytes("3"), first)).isEqualTo(new PreconditionFailed());
    assertThat(store.get("k", 10).orElseThrow())
        .satisfies(
            document -> {
              assertThat(document.content()).isEqualTo(bytes("2"));
              assertThat(document.etag()).isEqualTo(second);
            });
    assertThat(store.putIfMatch("absent", bytes("x"), second)).isEqualTo(new PreconditionFailed());
    assertThat(store.head("absent")).isEmpty();
  }

  @Test
  void listsAFolderPageByPageAndNothingBesideIt() {
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 25; i++) {
      String key = String.format("folder/%s/%02d", i % 2 == 0 ? "even" : "odd", i);
      store.put(key, bytes("v" + i));
      expected.add(key);
    }
    store.put("folder-beside/x", bytes("no"));
    store.put("folder.txt", bytes("no"));
    expected.sort(null);
    assertThat(store.list("folder/")).extracting(StoredObject::key).isEqualTo(expected);
    assertThat(store.list("")).hasSize(27);
    assertThat(store.list("folder/").getFirst())
        .isEqualTo(store.head(expected.getFirst()).orElseThrow());

    store.delete(expected.getFirst());
    assertThat(store.list("folder/")).hasSize(24);
  }

  @Test
  void refusesKeysThatLeaveTheRoot() {
    for (String key :
        List.of("../x", "a/../../x", "/x", "a//b", "", ".", "a/", "a\\b", "a\nb", "a/./b")) {
      assertThatThrownBy(() -> store.put(key, bytes("x")))
          .as("key '%s'", key)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("key: ");
    }
    assertThatThrownBy(() -> store.list("../")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void passesTheProbeAndLeavesNothingOfIt() {
    ConditionalWriteProbe.check(store, "run/", Retry.standard());
    assertThat(store.list("")).isEmpty();
  }

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  static Retry fast() {
    return new Retry(Duration.ofMillis(1), Duration.ofMillis(5), Duration.ofMillis(200));
  }

  private static String written(ConditionalWrite outcome) {
    assertThat(outcome).isInstanceOf(Written.class);
    return ((Written) outcome).etag();
  }

  private interface Racer {
    ConditionalWrite run(int index);
  }

  private static List<ConditionalWrite> race(int threads, Racer racer) throws Exception {
    CountDownLatch start = new CountDownLatch(1);
    try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
      List<Future<ConditionalWrite>> futures = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        int index = i;
        Callable<ConditionalWrite> task =
            () -> {
              start.await();
              return racer.run(index);
            };
        futures.add(executor.submit(task));
      }
      start.countDown();
      List<ConditionalWrite> outcomes = new ArrayList<>();
      for (Future<ConditionalWrite> future : futures) {
        outcomes.add(future.get());
      }
      return outcomes;
    }
  }
}
