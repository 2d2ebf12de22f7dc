package dev.finetune.api.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class SealedJsonTest {
  private static final CheckpointRequest REQUEST =
      new CheckpointRequest("0".repeat(64), Instant.parse("2026-01-01T00:00:00Z"));

  @Test
  void whatIsWrittenIsReadEvenIfAFieldLooksLikeAnEmptySeal() throws IOException {
    assertThat(SealedJson.read(SealedJson.write(REQUEST), CheckpointRequest.class))
        .isEqualTo(REQUEST);
  }

  @Test
  void aReaderThatKnowsNoSealReadsItToo() throws IOException {
    assertThat(RunJson.read(SealedJson.write(REQUEST), CheckpointRequest.class)).isEqualTo(REQUEST);
  }

  @Test
  void anyFlippedBitIsNoticed() {
    byte[] written = SealedJson.write(REQUEST);
    for (int bit = 0; bit < written.length * 8; bit++) {
      byte[] flipped = written.clone();
      flipped[bit / 8] ^= (byte) (1 << (bit % 8));
      assertThatThrownBy(() -> SealedJson.read(flipped, CheckpointRequest.class))
          .as("bit %d", bit)
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void whatWasWrittenWithoutASealIsRefused() {
    byte[] json = "{\"id\":\"x\"}".getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> SealedJson.read(json, CheckpointRequest.class))
        .isInstanceOf(IOException.class)
        .hasMessage("lacks its sha256");
  }
}
