package dev.finetune.trainer.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsReaderTest {
  @TempDir private Path folder;

  @Test
  void readsEveryTensorOfAModel() {
    GoldenTensors golden = Goldens.tensors("models/tiny-llama-untied/model.safetensors");
    try (SafetensorsReader reader =
        SafetensorsReader.openModel(Goldens.path("models/tiny-llama-untied"))) {
      assertThat(reader.names()).containsExactlyInAnyOrderElementsOf(golden.names());
      for (String name : reader.names()) {
        assertThat(reader.shape(name)).isEqualTo(golden.shape(name));
        assertThat(reader.readFloats(name)).isEqualTo(golden.floats(name));
      }
      assertThat(reader.metadata()).containsEntry("format", "pt");
    }
  }

  @Test
  void readsLongs() {
    GoldenTensors golden = Goldens.tensors("lora/llama-full7/batches.safetensors");
    try (SafetensorsReader reader =
        SafetensorsReader.open(Goldens.path("lora/llama-full7/batches.safetensors"))) {
      for (String name : reader.names()) {
        assertThat(reader.readLongs(name)).isEqualTo(golden.longs(name));
      }
    }
  }

  @Test
  void readsHalfPrecisionAndBytes() {
    byte[] data = {0x00, 0x3e, (byte) 0xc0, 0x3f, 1, 2};
    Path file =
        file(
            """
            {"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},\
            "b":{"dtype":"BF16","shape":[1,1],"data_offsets":[2,4]},\
            "c":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}""",
            data);
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      assertThat(reader.readFloats("a")).containsExactly(1.5f);
      assertThat(reader.readFloats("b")).containsExactly(1.5f);
      assertThat(reader.readBytes("c")).containsExactly(1, 2);
      assertThat(reader.type("b")).isEqualTo(ElementType.BF16);
      assertThatThrownBy(() -> reader.readFloats("c"))
          .isInstanceOf(UnsupportedModel.class)
          .hasMessageContaining("tensor 'c': type U8 is not supported");
      assertThatThrownBy(() -> reader.readLongs("a"))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("expected type I64, found F16");
    }
  }

  @Test
  void fillsABigEndianBufferFromPositionToLimit() {
    Path file =
        file(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
            new byte[] {0, 0, (byte) 0xc0, 0x3f});
    FloatBuffer target = ByteBuffer.allocateDirect(12).asFloatBuffer().position(1).limit(2);
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      reader.read("a", target);
      assertThat(target.get(1)).isEqualTo(1.5f);
      assertThat(target.remaining()).isZero();
      assertThatThrownBy(() -> reader.read("a", FloatBuffer.allocate(2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a: target must have 1 elements, had 2");
      assertThatThrownBy(() -> reader.shape("b")).hasMessage("no tensor 'b'");
    }
  }

  @Test
  void readsBeyondTwoGibibytes() throws IOException {
    long filler = (1L << 31) + 64;
    Path path = folder.resolve("large.safetensors");
    String header =
        "{\"fill\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]}}"
            .formatted(filler, filler, filler, filler + 4);
    byte[] head = head(header);
    // A sparse file: it takes no room on the disk.
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.write(head);
      file.seek(head.length + filler);
      file.write(new byte[] {0, 0, (byte) 0xc0, 0x3f});
    }
    try (SafetensorsReader reader = SafetensorsReader.open(path)) {
      assertThat(reader.readFloats("a")).containsExactly(1.5f);
    }
  }

  @Test
  void readsTheShardsOfAnIndex() throws IOException {
    shard("one.safetensors", "a", 1);
    shard("two.safetensors", "b", 2);
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\":{},\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}");
    try (SafetensorsReader reader = SafetensorsReader.openModel(folder)) {
      assertThat(reader.names()).containsExactly("a", "b");
      assertThat(reader.readFloats("b")).containsExactly(2);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"a\":\"../one.safetensors\"} | weight_map: 'a' must name a file of the same folder",
        "{\"a\":\"/etc/passwd\"} | weight_map: 'a' must name a file of the same folder",
        "{\"a\":7} | weight_map: 'a' must name a file of the same folder",
        "{\"x\":\"one.safetensors\"} | expected tensor 'x' that the index lists, found none",
        "{\"a\":\"gone.safetensors\"} | gone.safetensors: file not found",
        "[] | field 'weight_map' must be an object",
      })
  void refusesAnIndexThatLies(String map, String message) throws IOException {
    shard("one.safetensors", "a", 1);
    Files.writeString(
        folder.resolve("model.safetensors.index.json"), "{\"weight_map\":" + map + "}");
    assertThatThrownBy(() -> SafetensorsReader.openModel(folder))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining(message);
  }

  @Test
  void namesTheFolderWithoutWeights() {
    assertThatThrownBy(() -> SafetensorsReader.openModel(folder))
        .isInstanceOf(UnreadableData.class)
        .hasMessage(
            folder + ": expected model.safetensors or model.safetensors.index.json, found neither");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}} | shape and type F32 make 8 bytes, data_offsets 4",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | file is truncated: expected 8 bytes of data, found 4",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}} | expected 2 bytes of data, found 4: the rest belongs to no tensor",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}} | tensor 'a': expected its data at byte 0, found it at 2",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}} | tensors 'a' and 'b' overlap at byte 2",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}} | Duplicate field 'a'",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}} | has more elements than any file",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,4]}} | shape has more bytes than any file",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}} | field 'shape' must be a list of integers from 0",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}} | field 'shape' must be a list of integers from 0",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}} | data_offsets must be a begin and an end not before it",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775807]}} | data_offsets must be a begin and an end not before it",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}} | field 'shape' must be a list of at most 16",
        "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}} | tensor 'a': field 'dtype' is missing",
        "{\"a\":7} | tensor 'a': expected a JSON object",
        "{\"__metadata__\":{\"a\":1}} | __metadata__: field 'a' must be a string",
        "{\"a\":} | broken JSON",
        "[] | expected a safetensors header that starts with '{'",
      })
  void refusesAHeaderThatLies(String header, String message) {
    Path file = file(header, new byte[4]);
    assertThatThrownBy(() -> SafetensorsReader.open(file))
        .isInstanceOf(UnreadableData.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(message);
  }

  @Test
  void namesTheTensorAndItsUnknownType() {
    Path file =
        file("{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", new byte[1]);
    assertThatThrownBy(() -> SafetensorsReader.open(file))
        .isInstanceOf(UnsupportedModel.class)
        .hasMessage(file + ": tensor 'a': type 'F4' is not supported");
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "33554433", "4611686018427387904", "-1"})
  void refusesALengthOfTheHeaderOutOfRange(long length) {
    byte[] bytes = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
    assertThatThrownBy(() -> SafetensorsReader.open(Hostile.write(folder, bytes)))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("length of the safetensors header must be 2 to 33554432");
  }

  @Test
  void refusesDeepNesting() {
    Path file = file("{\"a\":" + "[".repeat(100_000) + "}", new byte[0]);
    assertThatThrownBy(() -> SafetensorsReader.open(file)).isInstanceOf(UnreadableData.class);
  }

  @Test
  void refusesAFolderAndAMissingFile() {
    assertThatThrownBy(() -> SafetensorsReader.open(folder))
        .isInstanceOf(UnreadableData.class)
        .hasMessage(folder + ": expected a file, found a folder or a special file");
    assertThatThrownBy(() -> SafetensorsReader.open(folder.resolve("gone")))
        .isInstanceOf(UnreadableData.class)
        .hasMessageEndingWith("gone: file not found");
  }

  @Test
  void refusesTheFileCutAnywhere() throws IOException {
    byte[] whole = Files.readAllBytes(golden());
    for (int length = 0; length < whole.length; length += length < 4000 ? 1 : 997) {
      Path file = Hostile.write(folder, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> SafetensorsReader.open(file))
          .as("cut at %d", length)
          .isInstanceOf(UnreadableData.class);
      Files.delete(file);
    }
  }

  @Property(tries = 1500, seed = "1")
  void neverFailsOtherThanForAPerson(
      @ForAll @Size(min = 1, max = 4) int[] places, @ForAll @IntRange(min = 1, max = 255) int flip)
      throws IOException {
    byte[] bytes = Files.readAllBytes(golden());
    for (int place : places) {
      bytes[Math.floorMod(place, 3600)] ^= (byte) flip;
    }
    Hostile.readsOrRefuses(bytes, SafetensorsReader::open);
  }

  private static Path golden() {
    return Goldens.path("lora/llama-full7/final/adapter_model.safetensors");
  }

  private void shard(String name, String tensor, float value) {
    new SafetensorsWriter()
        .add(tensor, new long[] {1}, FloatBuffer.wrap(new float[] {value}))
        .write(folder.resolve(name));
  }

  private Path file(String header, byte[] data) {
    byte[] head = head(header);
    byte[] bytes = Arrays.copyOf(head, head.length + data.length);
    System.arraycopy(data, 0, bytes, head.length, data.length);
    return Hostile.write(folder, bytes);
  }

  private static byte[] head(String header) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .array();
  }
}
