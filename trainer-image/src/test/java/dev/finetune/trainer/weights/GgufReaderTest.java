package dev.finetune.trainer.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.function.UnaryOperator;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufReaderTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"F16", "Q4_1", "Q8_0"})
  void readsWhatTheReferenceReads(String kind) {
    GoldenTensors golden = Goldens.tensors("gguf/tiny-" + kind + ".expected.safetensors");
    try (GgufReader reader = GgufReader.open(Goldens.path("gguf/tiny-" + kind + ".gguf"))) {
      assertThat(reader.names()).containsExactlyInAnyOrderElementsOf(golden.names());
      for (String name : reader.names()) {
        float[] expected = golden.floats(name);
        FloatBuffer values = FloatBuffer.allocate(expected.length);
        reader.read(name, values);
        assertThat(reader.shape(name)).isEqualTo(golden.shape(name));
        assertThat(values.array()).as(name).isEqualTo(expected);
      }
    }
  }

  @Test
  void readsTypedMetadata() {
    try (GgufReader reader = GgufReader.open(Goldens.path("gguf/tiny-F16.gguf"))) {
      GgufMetadata metadata = reader.metadata();
      assertThat(metadata.requireInt("llama.block_count")).isEqualTo(2);
      assertThat(metadata.requireDouble("llama.rope.freq_base")).isEqualTo(10000);
      assertThat(metadata.requireText("tokenizer.ggml.pre")).isEqualTo("gpt-2");
      assertThat(metadata.requireTexts("tokenizer.ggml.tokens")).hasSize(512);
      assertThat(metadata.requireInts("tokenizer.ggml.token_type")).hasSize(512).contains(3, 1);
      assertThat(metadata.booleanOr("tokenizer.ggml.add_bos_token", true)).isFalse();
      assertThat(metadata.intOr("no.such.key", 7)).isEqualTo(7);
      assertThatThrownBy(() -> metadata.requireInt("general.architecture"))
          .isInstanceOf(UnreadableData.class)
          .hasMessageEndingWith(
              "metadata 'general.architecture' must be an integer from 0 to 2147483647, was a string");
      assertThatThrownBy(() -> metadata.requireText("no.such.key"))
          .hasMessageEndingWith("metadata 'no.such.key' is missing");
    }
  }

  @Test
  void readsAFileOfManyTypesAsTheReferenceDoes() throws NoSuchAlgorithmException {
    JsonNode digests = Goldens.json("gguf/tiny-mixed.digests.json");
    try (GgufReader reader = GgufReader.open(Goldens.path("gguf/tiny-mixed.gguf"))) {
      assertThat(reader.names()).hasSize(digests.size());
      for (String name : reader.names()) {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        reader.stream(
            name,
            (values, count) -> {
              ByteBuffer bytes =
                  ByteBuffer.allocate(count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
              bytes.asFloatBuffer().put(values, 0, count);
              digest.update(bytes);
            });
        assertThat(HexFormat.of().formatHex(digest.digest()))
            .as(name)
            .isEqualTo(digests.path(name).asText());
      }
    }
  }

  @Test
  void namesTheTensorAndItsUnsupportedType() {
    String name = "token_embd.weight";
    Path file =
        changed(
            bytes -> {
              // After the name: the number of dimensions, two of them, the type.
              bytes[indexOf(bytes, name) + name.length() + 4 + 16] = 15;
              return bytes;
            });
    assertThatThrownBy(() -> GgufReader.open(file))
        .isInstanceOf(UnsupportedModel.class)
        .hasMessage(
            file
                + ": tensor 'token_embd.weight': type Q8_K is not supported, use F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K, IQ4_NL or IQ4_XS");
  }

  @Test
  void refusesAnotherArchitectureByName() {
    Path file = changed(bytes -> replace(bytes, "general.architecture", 12, "falco"));
    assertThatThrownBy(() -> GgufReader.open(file))
        .isInstanceOf(UnsupportedModel.class)
        .hasMessageStartingWith(file + ": architecture 'falco' is not supported, use llama, ");
  }

  @Test
  void readsVersionTwo() {
    try (GgufReader reader =
        GgufReader.open(
            changed(
                bytes -> {
                  bytes[4] = 2;
                  return bytes;
                }))) {
      assertThat(reader.names()).hasSize(20);
    }
  }

  @Test
  void refusesOtherVersionsAndBigEndian() {
    for (byte version : new byte[] {0, 1, 4}) {
      Path file =
          changed(
              bytes -> {
                bytes[4] = version;
                return bytes;
              });
      assertThatThrownBy(() -> GgufReader.open(file))
          .isInstanceOf(UnreadableData.class)
          .hasMessage(file + ": version must be 2 or 3 in little endian, was " + version);
    }
    byte[] bigEndian =
        ByteBuffer.allocate(32).put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(3).array();
    assertThatThrownBy(() -> GgufReader.open(Hostile.write(folder, bigEndian)))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("version must be 2 or 3 in little endian, was 50331648");
    assertThatThrownBy(() -> GgufReader.open(Hostile.write(folder, new byte[64])))
        .hasMessageContaining("expected a GGUF file, found other first bytes");
  }

  @Test
  void refusesCountsThatTheFileCannotHold() {
    Path tensors = changed(bytes -> putLong(bytes, 8, 1L << 60));
    assertThatThrownBy(() -> GgufReader.open(tensors))
        .isInstanceOf(UnreadableData.class)
        .hasMessage(tensors + ": number of tensors must be 0 to 65536, was 1152921504606846976");
    Path keys = changed(bytes -> putLong(bytes, 16, 65536));
    assertThatThrownBy(() -> GgufReader.open(keys))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("of number of metadata keys, found");
    Path name = changed(bytes -> putLong(bytes, 24, -1));
    assertThatThrownBy(() -> GgufReader.open(name))
        .hasMessageContaining(
            "length of a metadata key must be 0 to 65535, was 18446744073709551615");
  }

  @Test
  void refusesTheFileCutAnywhere() throws IOException {
    byte[] whole = Files.readAllBytes(golden());
    for (int length = 0; length < whole.length; length += length < 1200 ? 1 : 499) {
      Path file = Hostile.write(folder, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> GgufReader.open(file))
          .as("cut at %d", length)
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("truncated");
      Files.delete(file);
    }
  }

  @Test
  void refusesTheTensorTableCutAtEveryByte() throws IOException {
    byte[] whole = Files.readAllBytes(golden());
    int table = indexOf(whole, "token_embd.weight") - 8;
    for (int length = table; length < table + 1400; length++) {
      Path file = Hostile.write(folder, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> GgufReader.open(file)).isInstanceOf(UnreadableData.class);
      Files.delete(file);
    }
  }

  @Property(tries = 1000, seed = "1")
  void neverFailsOtherThanForAPersonOnTheFirstKeys(
      @ForAll @Size(min = 1, max = 3) int[] places, @ForAll @IntRange(min = 1, max = 255) int flip)
      throws IOException {
    flip(places, flip, 0, 900);
  }

  @Property(tries = 1000, seed = "1")
  void neverFailsOtherThanForAPersonOnTheTensorTable(
      @ForAll @Size(min = 1, max = 3) int[] places, @ForAll @IntRange(min = 1, max = 255) int flip)
      throws IOException {
    flip(places, flip, indexOf(Files.readAllBytes(golden()), "token_embd.weight") - 8, 1500);
  }

  private static void flip(int[] places, int flip, int from, int length) throws IOException {
    byte[] bytes = Files.readAllBytes(golden());
    for (int place : places) {
      bytes[from + Math.floorMod(place, length)] ^= (byte) flip;
    }
    Hostile.readsOrRefuses(bytes, GgufReader::open);
  }

  @Test
  void refusesListsThatTogetherHaveTooManyElements() {
    ByteBuffer file = ByteBuffer.allocate(13 << 20).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(0x46554747).putInt(3).putLong(0).putLong(3);
    for (int i = 0; i < 3; i++) {
      file.putLong(1).put((byte) ('a' + i)).putInt(9).putInt(0).putLong(2 << 20);
      file.position(file.position() + (2 << 20));
    }
    Path many = Hostile.write(folder, file.array());
    assertThatThrownBy(() -> GgufReader.open(many))
        .isInstanceOf(UnreadableData.class)
        .hasMessageEndingWith("length of 'c' must be 0 to 0, was 2097152");
  }

  private static Path golden() {
    return Goldens.path("gguf/tiny-Q4_1.gguf");
  }

  private Path changed(UnaryOperator<byte[]> change) {
    try {
      return Hostile.write(folder, change.apply(Files.readAllBytes(golden())));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static byte[] replace(byte[] bytes, String key, int skip, String value) {
    byte[] text = value.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(text, 0, bytes, indexOf(bytes, key) + key.length() + skip, text.length);
    return bytes;
  }

  private static byte[] putLong(byte[] bytes, int at, long value) {
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(at, value);
    return bytes;
  }

  private static int indexOf(byte[] bytes, String text) {
    return new String(bytes, StandardCharsets.ISO_8859_1).indexOf(text);
  }
}
