package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.trainer.chaos.Tally;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.MemoryStore;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every object of a run folder, changed in every way: it is noticed, named and never used. */
@Tag("chaos")
class VerifiedReadTest {
  private static final String NEWEST = "attempt-0002/checkpoint-00000030/";
  private static final String MIDDLE = "attempt-0001/checkpoint-00000020/";

  /** Every seventh bit is each of the eight in turn; the long run flips all. */
  private static final int STRIDE = "long".equals(System.getProperty("chaos")) ? 1 : 7;

  private static final List<String> FILES =
      List.of("adapter.safetensors", "state.json", "manifest.json");

  @TempDir Path local;
  private RunFixture fixture;
  private byte[] formerHead = {};

  @BeforeEach
  void makeRun() {
    fixture = new RunFixture(local, new MemoryStore(), 3);
    Run first = fixture.claim("a");
    first.freeze(RunFixture.record("sha256:aa"));
    first.commit(10, fixture.files(first, 10), null);
    first.commit(20, fixture.files(first, 20), null);
    formerHead = fixture.head();
    Run second = fixture.claim("a");
    second.commit(30, fixture.files(second, 30), null);
  }

  static Stream<String> filesOfCheckpoints() {
    return FILES.stream();
  }

  @ParameterizedTest
  @MethodSource("filesOfCheckpoints")
  void fallsBackFromANewestCheckpointWithAnyOtherByte(String file) {
    int corruptions = 0;
    for (Map.Entry<String, byte @Nullable []> other : others(NEWEST + file, MIDDLE + file)) {
      byte[] content = content(NEWEST + file);
      replace(NEWEST + file, other.getValue());
      fixture.notices.clear();
      Checkpoint checkpoint = fixture.claim("a").resume(fixture.work()).orElseThrow();
      assertThat(checkpoint.step()).as(other.getKey()).isEqualTo(20);
      assertThat(checkpoint.folder().resolve("adapter.safetensors")).hasContent("adapter 1 20");
      assertThat(fixture.notices)
          .as(other.getKey())
          .singleElement()
          .asString()
          .startsWith("checkpoint of step 30 (memory:" + RunFixture.FOLDER + NEWEST + ") cannot")
          .contains(file);
      fixture.store.put(RunFixture.FOLDER + NEWEST + file, content);
      corruptions++;
    }
    Tally.add("corrupted objects noticed", "", corruptions);
    System.out.printf("verified reads: %s of a checkpoint, %d corruptions%n", file, corruptions);
    assertThat(corruptions).isGreaterThan(15);
  }

  @ParameterizedTest
  @ValueSource(strings = {"head.json", "run.json"})
  void refusesAHeadOrRecordWithAnyOtherByte(String name) {
    byte[] content = content(name);
    int corruptions = 0;
    String swapped = name.equals("head.json") ? "run.json" : "head.json";
    for (Map.Entry<String, byte @Nullable []> other : others(name, swapped)) {
      replace(name, other.getValue());
      assertThatThrownBy(() -> fixture.claim("a").freeze(RunFixture.record("sha256:aa")))
          .as(other.getKey())
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining(RunFixture.FOLDER + name + ": ");
      fixture.store.put(RunFixture.FOLDER + name, content);
      corruptions++;
    }
    Tally.add("corrupted objects noticed", "", corruptions);
    System.out.printf("verified reads: %s, %d corruptions%n", name, corruptions);
    assertThat(corruptions).isGreaterThan(500);
  }

  @ParameterizedTest
  @MethodSource("filesOfCheckpoints")
  void refusesADeliveredAdapterWithAnyOtherByte(String file) {
    Run run = fixture.claim("a");
    Delivery delivery = run.deliver(fixture.files(run, 40), new RunResult(40, 0.5, null, null));
    assertThat(DeliveredAdapter.download(fixture.folder, delivery, fixture.work())).exists();
    String name = delivery.folder() + file;
    byte[] content = content(name);
    int corruptions = 0;
    for (Map.Entry<String, byte @Nullable []> other : others(name, NEWEST + file)) {
      replace(name, other.getValue());
      assertThatThrownBy(() -> DeliveredAdapter.download(fixture.folder, delivery, fixture.work()))
          .as(other.getKey())
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining(delivery.folder())
          .hasMessageContaining(file);
      fixture.store.put(RunFixture.FOLDER + name, content);
      corruptions++;
    }
    Tally.add("corrupted objects noticed", "", corruptions);
    System.out.printf("verified reads: %s of an adapter, %d corruptions%n", file, corruptions);
    assertThat(corruptions).isGreaterThan(15);
  }

  @Test
  void aFormerHeadLeadsToACheckpointThatVerifies() {
    fixture.store.put(RunFixture.FOLDER + "head.json", formerHead);
    Run run = fixture.claim("a");
    assertThat(run.attempt()).isEqualTo(3);
    assertThat(run.resume(fixture.work()).orElseThrow().step()).isEqualTo(20);
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .contains("head.json: is older than what attempt 2 has written");
  }

  @Test
  void theRecordOfAnotherRunIsRefused() throws IOException {
    RunRecord record = SealedJson.read(content("run.json"), RunRecord.class);
    RunRecord other =
        new RunRecord(
            "fedcba9876543210",
            record.sources(),
            record.precision(),
            record.threads(),
            record.tokenBudget(),
            record.recompute(),
            record.versions(),
            1);
    fixture.store.put(RunFixture.FOLDER + "run.json", SealedJson.write(other));
    assertThatThrownBy(() -> fixture.claim("a").freeze(RunFixture.record("sha256:aa")))
        .isInstanceOf(TrainingFailure.class)
        .hasMessageContaining("run.json: belongs to the spec fedcba9876543210");
  }

  @Test
  void aManifestWithoutAFormatVersionIsOfTheFirst() throws IOException {
    commitManifest("{\"files\":" + files() + "}");
    assertThat(fixture.claim("a").resume(fixture.work()).orElseThrow().step()).isEqualTo(30);
    assertThat(fixture.notices).isEmpty();
  }

  @Test
  void aFormatOfALaterVersionIsRefusedByName() throws IOException {
    commitManifest("{\"formatVersion\":2,\"parts\":[]}");
    assertThatThrownBy(() -> fixture.claim("a").resume(fixture.work()))
        .isInstanceOf(UnreadableData.class)
        .hasMessage(
            "memory:%smanifest.json: has format version 2, this trainer reads versions up to 1;"
                    .formatted(RunFixture.FOLDER + NEWEST)
                + " use a trainer that reads it");
  }

  @Test
  void aFormatThatCannotBeIsPassedOver() throws IOException {
    commitManifest("{\"formatVersion\":0,\"files\":" + files() + "}");
    assertThat(fixture.claim("a").resume(fixture.work()).orElseThrow().step()).isEqualTo(20);
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .endsWith("manifest.json has format version 0, which cannot be");
  }

  /** Returns what may lie in place of an object: bits, lengths, nothing, and another object. */
  private List<Map.Entry<String, byte @Nullable []>> others(String name, String swapped) {
    byte[] content = content(name);
    Map<String, byte @Nullable []> others = new LinkedHashMap<>();
    for (int bit = 0; bit < content.length * 8; bit += STRIDE) {
      byte[] flipped = content.clone();
      flipped[bit / 8] ^= (byte) (1 << (bit % 8));
      others.put("bit " + bit + " flipped", flipped);
    }
    for (int length = 0; length < content.length; length += 7) {
      others.put("cut to " + length + " bytes", Arrays.copyOf(content, length));
    }
    others.put("longer", Arrays.copyOf(content, content.length + 1));
    others.put("swapped with " + swapped, content(swapped));
    others.put("deleted", null);
    return new ArrayList<>(others.entrySet());
  }

  private byte[] content(String name) {
    return fixture.store.get(RunFixture.FOLDER + name, 1 << 20).orElseThrow().content();
  }

  private void replace(String name, byte @Nullable [] content) {
    if (content == null) {
      fixture.store.delete(RunFixture.FOLDER + name);
    } else {
      fixture.store.put(RunFixture.FOLDER + name, content);
    }
  }

  private String files() throws IOException {
    return RunJson.writeLine(
        RunJson.read(content(NEWEST + "manifest.json"), Manifest.class).files());
  }

  /** Puts a manifest in place of the newest checkpoint's, as if it had been committed. */
  private void commitManifest(String json) throws IOException {
    byte[] manifest = json.getBytes(StandardCharsets.UTF_8);
    fixture.store.put(RunFixture.FOLDER + NEWEST + "manifest.json", manifest);
    Head head = SealedJson.read(fixture.head(), Head.class);
    List<CheckpointEntry> entries = new ArrayList<>(head.checkpoints());
    CheckpointEntry last = entries.removeLast();
    entries.add(
        new CheckpointEntry(
            last.step(),
            last.attempt(),
            last.folder(),
            Sha256.of(manifest),
            last.bytes(),
            last.time(),
            null));
    Head changed =
        new Head(
            head.attempt(),
            head.owner(),
            head.heartbeat(),
            head.writeId(),
            entries,
            head.latest(),
            null,
            null);
    fixture.store.put(RunFixture.FOLDER + "head.json", SealedJson.write(changed));
  }
}
