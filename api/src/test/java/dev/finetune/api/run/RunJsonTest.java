package dev.finetune.api.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunJsonTest {
  private static final Instant TIME = Instant.parse("2026-02-03T04:05:06.789Z");
  private static final CheckpointEntry CHECKPOINT =
      new CheckpointEntry(100, 2, "attempt-0002/checkpoint-00000100/", "ab", 123L, TIME, 1.25);

  @Test
  void readsAHeadAsItWasWritten() throws IOException {
    Delivery delivery = new Delivery(2, "attempt-0002/adapter/", "cd", 120, 1.5, 2.5, 1.25, TIME);
    Head head = new Head(2, "uid", TIME, "write", List.of(CHECKPOINT), 100, 100, delivery);

    assertThat(RunJson.read(RunJson.write(head), Head.class)).isEqualTo(head);
  }

  @Test
  void readsProgressAsItWasWrittenInEveryState() throws IOException {
    for (Progress.State state : Progress.State.values()) {
      Progress progress =
          new Progress(
              1, state, 3, 10, 1.75, null, 210.5, 0.61, TIME, 1L << 33, 2, 0, "word", TIME);

      assertThat(RunJson.read(RunJson.write(progress), Progress.class)).isEqualTo(progress);
    }
  }

  @Test
  void keepsFloatingPointBitForBit() throws IOException {
    for (double loss : new double[] {0.1 + 0.2, Double.MIN_VALUE, 1.0 / 3, 2e-4}) {
      CheckpointEntry entry = new CheckpointEntry(1, 1, "f/", "ab", 1, TIME, loss);

      assertThat(RunJson.read(RunJson.write(entry), CheckpointEntry.class).evalLoss())
          .isEqualTo(loss);
    }
  }

  @Test
  void writesTheSameBytesOnEveryPlatform() {
    Head head = new Head(1, "me", TIME, "w", List.of(), null, null, null);

    assertThat(new String(RunJson.write(head), StandardCharsets.UTF_8))
        .isEqualTo(
            """
            {
              "attempt" : 1,
              "checkpoints" : [ ],
              "heartbeat" : "2026-02-03T04:05:06.789Z",
              "owner" : "me",
              "writeId" : "w"
            }
            """);
    assertThat(RunJson.writeLine(head)).doesNotContain("\n").startsWith("{\"attempt\":1,");
  }

  @Test
  void ignoresFieldsOfANewerProgram() throws IOException {
    byte[] json =
        "{\"attempt\": 4, \"owner\": \"me\", \"weather\": {\"sun\": 1}}"
            .getBytes(StandardCharsets.UTF_8);

    Head head = RunJson.read(json, Head.class);

    assertThat(head.attempt()).isEqualTo(4);
    assertThat(head.checkpoints()).isEmpty();
  }

  @Test
  void refusesATruncatedDocument() {
    byte[] json = "{\"attempt\": 4, \"own".getBytes(StandardCharsets.UTF_8);

    assertThatThrownBy(() -> RunJson.read(json, Head.class)).isInstanceOf(IOException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "{} {}",
        "{\"attempt\": 1, \"attempt\": 2}",
        "{\"attempt\": 1e999999999}",
        "{\"weather\": 11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111}",
        "{\"checkpoints\": [null]}"
      })
  void refusesWhatCouldBeReadInTwoWaysOrTakesTooLong(String json) {
    assertThatThrownBy(() -> RunJson.read(json.getBytes(StandardCharsets.UTF_8), Head.class))
        .isInstanceOf(IOException.class);
  }

  @Test
  void refusesDeepNesting() {
    byte[] json = ("{\n\"a\": " + "[".repeat(10_000)).getBytes(StandardCharsets.UTF_8);

    assertThatThrownBy(() -> RunJson.read(json, Head.class))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("nesting depth");
  }
}
