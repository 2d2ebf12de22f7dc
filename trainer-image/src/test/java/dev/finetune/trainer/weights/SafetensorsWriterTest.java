package dev.finetune.trainer.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsWriterTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lora/llama-full7/final/adapter_model.safetensors",
        "lora/llama-qv/final/adapter_model.safetensors",
        "lora/llama-full7/batches.safetensors",
        "forward/tiny-llama-untied.safetensors",
      })
  void writesTheBytesThatTheReferenceLibraryWrote(String name) throws IOException {
    GoldenTensors golden = Goldens.tensors(name);
    List<String> names = new ArrayList<>(golden.names());
    Collections.shuffle(names, new Random(1));
    SafetensorsWriter writer = new SafetensorsWriter();
    try (SafetensorsReader reader = SafetensorsReader.open(Goldens.path(name))) {
      for (String tensor : names) {
        switch (reader.type(tensor)) {
          case F32 ->
              writer.add(tensor, golden.shape(tensor), FloatBuffer.wrap(reader.readFloats(tensor)));
          case I64 ->
              writer.add(tensor, golden.shape(tensor), LongBuffer.wrap(reader.readLongs(tensor)));
          case U8 ->
              writer.add(tensor, golden.shape(tensor), ByteBuffer.wrap(reader.readBytes(tensor)));
          default -> throw new AssertionError(reader.type(tensor));
        }
      }
    }
    Path file = folder.resolve("again.safetensors");
    writer.write(file);
    assertThat(file).hasSameBinaryContentAs(Goldens.path(name));
    assertThat(folder).isDirectoryContaining(path -> path.equals(file));
    assertThat(folder.toFile().list()).containsExactly("again.safetensors");
  }

  @Test
  void keepsMetadataAndReadsBack() {
    Path file = folder.resolve("a.safetensors");
    float[] values = new float[100_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    new SafetensorsWriter()
        .metadata("step", "12")
        .add("f", new long[] {100, 1000}, FloatBuffer.wrap(values))
        .add("b", new long[] {3}, ByteBuffer.wrap(new byte[] {9, 1, 2, 3}).position(1))
        .add("empty", new long[] {0, 4}, LongBuffer.allocate(0))
        .write(file);
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      assertThat(reader.metadata()).containsEntry("step", "12").containsEntry("format", "pt");
      assertThat(reader.readFloats("f")).isEqualTo(values);
      assertThat(reader.readBytes("b")).containsExactly(1, 2, 3);
      assertThat(reader.readLongs("empty")).isEmpty();
    }
  }

  @Test
  void overwritesALongerFileFromMemory() throws IOException {
    float[] values = new float[700_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    Path file = folder.resolve("a.safetensors");
    Files.write(file, new byte[4_000_000]);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      new SafetensorsWriter()
          .add("f", ElementType.F32, new long[] {700, 1000}, memory)
          .add("b", ElementType.U8, new long[] {2}, memory.asSlice(2, 2))
          .overwrite(file);
    }
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      assertThat(reader.readFloats("f")).isEqualTo(values);
      assertThat(reader.readBytes("b")).containsExactly(0, 0);
    }
    Path expected = folder.resolve("b.safetensors");
    new SafetensorsWriter()
        .add("f", new long[] {700, 1000}, FloatBuffer.wrap(values))
        .add("b", new long[] {2}, ByteBuffer.allocate(2))
        .write(expected);
    assertThat(file).hasSameBinaryContentAs(expected);
  }

  @Test
  void refusesAShapeThatIsNotTheBuffers() {
    assertThatThrownBy(
            () -> new SafetensorsWriter().add("a", new long[] {2, 2}, FloatBuffer.allocate(3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a: shape [2, 2] has 4 elements, the buffer 3");
  }

  @Test
  void refusesANameTwice() {
    SafetensorsWriter writer =
        new SafetensorsWriter().add("a", new long[] {1}, FloatBuffer.allocate(1));
    assertThatThrownBy(() -> writer.add("a", new long[] {1}, FloatBuffer.allocate(1)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void leavesNothingWhenItCannotWrite() throws IOException {
    Path target = Files.createDirectories(folder.resolve("a.safetensors").resolve("inside"));
    SafetensorsWriter writer =
        new SafetensorsWriter().add("a", new long[] {1}, FloatBuffer.allocate(1));
    assertThatThrownBy(() -> writer.write(target.getParent()))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("a.safetensors: could not be written");
    assertThat(folder.toFile().list()).containsExactly("a.safetensors");
    assertThatThrownBy(() -> writer.write(Path.of("/dev/full/x")))
        .isInstanceOf(StorageUnreachable.class);
  }
}
