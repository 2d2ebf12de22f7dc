package dev.finetune.operator.progress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.DeletionPolicy;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.ProgressStatus;
import dev.finetune.operator.Settings;
import dev.finetune.operator.progress.RunReading.Access;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every object of a run that the operator reads, spoiled in every way. */
class VerifiedReadTest {
  private static final String OWNER = "5f1c7d2e-0000-4000-8000-000000000001";
  private static final String ADAPTER = StorageLayout.adapterFolder(2);

  @TempDir private static Path folder;
  private static TeamStore team;
  private static int number;

  private StoredRun run;
  private S3RunReader reader;

  @BeforeAll
  static void start() throws IOException {
    team = TeamStore.start(folder);
  }

  @AfterAll
  static void stop() {
    team.close();
  }

  @BeforeEach
  void begin() {
    run = new StoredRun(team.store(), "run-" + ++number, DeletionPolicy.KEEP_ALL);
    reader = reader();
  }

  @AfterEach
  void end() {
    reader.close();
    run.close();
  }

  private static S3RunReader reader() {
    return new S3RunReader(
        team.client(),
        Settings.with(
                Map.of(
                    "storage.allow-loopback", "true",
                    "storage.maximum-object-bytes", "20000"))
            .storage(),
        Clock.systemUTC());
  }

  /** Reads as an operator that was just started. */
  private RunReading read() {
    try (S3RunReader fresh = reader()) {
      return fresh.read(run.job(), Duration.ZERO);
    }
  }

  private void assertBroken(String message) {
    RunReading reading = read();
    assertThat(reading.access()).isEqualTo(Access.BROKEN);
    assertThat(reading.message()).contains(message);
    assertThat(reading.head()).isNull();
  }

  @Test
  void readsARunThatIsWhole() {
    run.delivered(OWNER);
    RunReading reading = read();
    assertThat(reading.access()).isEqualTo(Access.READ);
    assertThat(reading.message()).isEmpty();
    assertThat(reading.head()).isEqualTo(run.head());
    assertThat(reading.progress().step()).isEqualTo(33);
  }

  @Test
  void saysOfASpoiledHeadThatItIsTheHead() {
    run.delivered(OWNER);
    byte[] good = run.get(StorageLayout.HEAD);
    for (byte[] bad :
        List.of(new byte[0], Arrays.copyOf(good, good.length / 2), new byte[20001], new byte[99])) {
      run.put(StorageLayout.HEAD, bad);
      assertBroken("head.json: must");
    }
    run.put(StorageLayout.HEAD, good);
    assertThat(read().head().delivered()).isNotNull();
  }

  @Test
  void takesNoOtherDocumentForAHead() {
    run.delivered(OWNER);
    run.put(StorageLayout.HEAD, run.get(StorageLayout.progress(2)));
    assertBroken("head.json: lacks its sha256");
    run.put(StorageLayout.HEAD, run.get(ADAPTER + StorageLayout.MANIFEST));
    assertBroken("head.json: lacks its sha256");
    run.put(StorageLayout.HEAD, run.get(StorageLayout.RUN));
    assertBroken("head.json: attempt must be at least 1, was 0");
  }

  @Test
  void noticesAnyFlippedBitOfAHead() {
    byte[] good = SealedJson.write(run.delivered(OWNER));
    for (int bit = 0; bit < good.length * 8; bit++) {
      byte[] bad = good.clone();
      bad[bit / 8] ^= (byte) (1 << bit % 8);
      assertThatThrownBy(() -> RunFolder.parseSealed(StorageLayout.HEAD, bad, Head.class))
          .as("bit %d", bit)
          .isInstanceOf(BrokenRun.class)
          .hasMessageStartingWith("head.json: ");
    }
  }

  @Test
  void believesNoHeadThatCannotBeThoughItIsSealed() {
    Head head = run.delivered(OWNER);
    Delivery delivered = head.delivered();
    for (Delivery bad :
        List.of(
            delivery(delivered, 2, "attempt-0001/adapter/", delivered.manifestSha256()),
            delivery(delivered, 3, "attempt-0003/adapter/", delivered.manifestSha256()),
            delivery(delivered, 2, delivered.folder(), "c0ffee"))) {
      run.putSealed(StorageLayout.HEAD, with(head, bad));
      assertBroken("head.json: names an adapter");
    }
    run.putSealed(
        StorageLayout.HEAD,
        new Head(1, OWNER, StoredRun.TIME, "w", head.checkpoints(), 30, null, null));
    assertBroken("head.json: lists a checkpoint that cannot be, of step 20");
    run.putSealed(
        StorageLayout.HEAD,
        new Head(2, OWNER, StoredRun.TIME, "w", head.checkpoints(), 40, null, null));
    assertBroken("head.json: latest must be a step that is listed, was 40");
  }

  private static Delivery delivery(Delivery like, int attempt, String folder, String sha256) {
    return new Delivery(
        attempt, folder, sha256, like.steps(), like.loss(), null, null, like.time());
  }

  private static Head with(Head head, Delivery delivered) {
    return new Head(
        head.attempt(),
        head.owner(),
        head.heartbeat(),
        head.writeId(),
        head.checkpoints(),
        head.latest(),
        head.best(),
        delivered);
  }

  @Test
  void doesNotBelieveAHeadWhoseHashIsNotThatOfTheAdapter() {
    Head head = run.delivered(OWNER);
    String hash = head.delivered().manifestSha256();
    String other = (hash.charAt(0) == 'a' ? "b" : "a") + hash.substring(1);
    run.putSealed(StorageLayout.HEAD, with(head, delivery(head.delivered(), 2, ADAPTER, other)));
    assertBroken(ADAPTER + "manifest.json: must have SHA-256 " + other + ", has " + hash);
  }

  @Test
  void takesNoHeadOfAnotherRun() {
    run.training(OWNER);
    try (StoredRun other =
        new StoredRun(team.store(), "other-" + number, DeletionPolicy.KEEP_ALL)) {
      other.delivered(OWNER);
      run.put(StorageLayout.HEAD, other.get(StorageLayout.HEAD));
      assertBroken(ADAPTER + "manifest.json: is not there, but head.json names an adapter");
    }
  }

  @Test
  void takesNoFolderOfAnotherSpec() {
    run.delivered(OWNER);
    run.putSealed(StorageLayout.RUN, Map.of("specHash", "0123456789abcdef"));
    assertBroken("run.json: must be of the spec ");
    run.delete(StorageLayout.RUN);
    assertBroken("run.json: is not there");
  }

  @Test
  void missesWhatTheManifestOfTheAdapterLists() {
    run.delivered(OWNER);
    String file = ADAPTER + "adapter_model.safetensors";
    byte[] good = run.get(file);
    run.delete(file);
    assertBroken(file + ": is not there, but its manifest names it");
    run.put(file, Arrays.copyOf(good, good.length - 1));
    assertBroken(file + ": must have %d bytes, has %d".formatted(good.length, good.length - 1));
    run.put(file, good);
    assertThat(read().head().delivered()).isNotNull();
  }

  @Test
  void seesASpoiledManifest() {
    run.delivered(OWNER);
    String name = ADAPTER + StorageLayout.MANIFEST;
    byte[] good = run.get(name);
    Random random = new Random(42);
    List<byte[]> spoiled =
        new ArrayList<>(List.of(new byte[0], Arrays.copyOf(good, 10), new byte[20001]));
    for (int i = 0; i < 5; i++) {
      byte[] flipped = good.clone();
      flipped[random.nextInt(good.length)] ^= (byte) (1 << random.nextInt(8));
      spoiled.add(flipped);
    }
    for (byte[] bad : spoiled) {
      run.put(name, bad);
      assertBroken(name + ": must have");
    }
  }

  @Test
  void makesABoundedNumberOfRequestsForAManifest() {
    StringBuilder files = new StringBuilder();
    for (int i = 0; i < 101; i++) {
      files.append(i == 0 ? "" : ",").append("\"f%d\":{\"bytes\":1}".formatted(i));
    }
    run.delivered(OWNER);
    run.put(
        ADAPTER + StorageLayout.MANIFEST,
        ("{\"files\":{" + files + "}}").getBytes(StandardCharsets.UTF_8));
    String now = read().message().replaceAll(".* has ", "");
    Head head = run.head();
    run.putSealed(StorageLayout.HEAD, with(head, delivery(head.delivered(), 2, ADAPTER, now)));
    assertBroken("must name at most 100 files, names 101");
  }

  @Test
  void keepsTheLastGoodHeadWhileItIsBrokenAndGoesOnWhenItIsRepaired() {
    run.training(OWNER);
    RunReading good = reader.read(run.job(), Duration.ZERO);
    byte[] bytes = run.get(StorageLayout.HEAD);
    run.put(StorageLayout.HEAD, Arrays.copyOf(bytes, 20));
    RunReading broken = reader.read(run.job(), Duration.ZERO);
    assertThat(broken.access()).isEqualTo(Access.BROKEN);
    assertThat(broken.head()).isEqualTo(good.head());
    assertThat(broken.progress()).isEqualTo(good.progress());
    run.put(StorageLayout.HEAD, bytes);
    assertThat(reader.read(run.job(), Duration.ZERO))
        .as("it is left alone for a while")
        .isEqualTo(broken);
    assertThat(read()).isEqualTo(good);
  }

  @Test
  void doesNotFollowAHeadThatGoesBack() {
    Head now = run.training(OWNER);
    reader.read(run.job(), Duration.ZERO);
    run.putSealed(
        StorageLayout.HEAD,
        new Head(1, OWNER, now.heartbeat().minusSeconds(90), "v", List.of(), null, null, null));
    RunReading reading = reader.read(run.job(), Duration.ZERO);
    assertThat(reading.access()).isEqualTo(Access.BROKEN);
    assertThat(reading.message()).isEqualTo("head.json: goes back from attempt 2 to attempt 1");
    assertThat(reading.head()).isEqualTo(now);
  }

  @Test
  void knowsByTheStatusThatAHeadGoesBack() {
    ProgressStatus reported =
        new ProgressStatus(
            33,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            7,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            "2026-03-01T12:00:00Z");
    run.job()
        .setStatus(
            new FineTuneJobStatus(
                1L, null, null, null, null, null, null, null, null, null, null, null, reported,
                null));
    run.training(OWNER);
    assertBroken("head.json: goes back from attempt 7 to attempt 2");
  }

  @Test
  void followsARunThatBeganAnewInAnEmptiedFolder() {
    Head before = run.training(OWNER);
    reader.read(run.job(), Duration.ZERO);
    Head anew =
        new Head(1, OWNER, before.heartbeat().plusSeconds(60), "n", List.of(), null, null, null);
    run.putSealed(StorageLayout.HEAD, anew);
    assertThat(reader.read(run.job(), Duration.ZERO).head()).isEqualTo(anew);
  }

  @Test
  void saysOfASpoiledReportThatItIsTheReportAndKeepsTheHead() {
    run.training(OWNER);
    String name = StorageLayout.progress(2);
    byte[] good = run.get(name);
    Progress last = reader.read(run.job(), Duration.ZERO).progress();
    Map<byte[], String> spoiled =
        Map.of(
            new byte[0],
            ": must not be empty",
            Arrays.copyOf(good, good.length / 2),
            ": must be JSON of a Progress",
            new byte[20001],
            ": must have at most 20000 bytes, has more",
            run.get(StorageLayout.progress(1)),
            ": must be of attempt 2, is of attempt 1",
            RunJson.write(StoredRun.progress(2, 501, StoredRun.TIME)),
            ": cannot be at step 501 of 500",
            RunJson.write(StoredRun.progress(2, 11, StoredRun.TIME.minusSeconds(9))),
            ": goes back from step 33 to step 11");
    spoiled.forEach(
        (bad, what) -> {
          run.put(name, bad);
          RunReading reading = reader.read(run.job(), Duration.ZERO);
          assertThat(reading.access()).isEqualTo(Access.READ);
          assertThat(reading.message()).startsWith(name + what);
          assertThat(reading.head()).isEqualTo(run.head());
          assertThat(reading.progress()).isEqualTo(last);
        });
    run.put(name, StoredRun.progress(2, 40, StoredRun.TIME.plusSeconds(9)));
    RunReading repaired = reader.read(run.job(), Duration.ZERO);
    assertThat(repaired.message()).isEmpty();
    assertThat(repaired.progress().step()).isEqualTo(40);
  }
}
