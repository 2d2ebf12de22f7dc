package dev.finetune.trainer.basemodel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.goldens.Goldens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** Models with bytes changed at random open, or are refused in words for a person. */
class HostileModelTest {
  /** Metadata, tokenizer and table of tensors of the GGUF file. */
  private static final int HEAD_BYTES = 18_000;

  @Property(tries = 400, seed = "1")
  void opensOrRefusesGguf(
      @ForAll @Size(min = 1, max = 4) int[] places, @ForAll @IntRange(min = 1, max = 255) int flip)
      throws IOException {
    byte[] bytes = Files.readAllBytes(Goldens.path("gguf/tiny-Q4_1.gguf"));
    flip(bytes, places, flip, HEAD_BYTES);
    Path file = Files.write(Files.createTempFile("hostile", ".gguf"), bytes);
    try {
      BaseModel.open(file).close();
    } catch (TrainingFailure e) {
      assertThat(e).hasMessageStartingWith(file.toString());
    } finally {
      Files.delete(file);
    }
  }

  @Property(tries = 400, seed = "1")
  void opensOrRefusesAFolder(
      @ForAll @Size(min = 1, max = 4) int[] places,
      @ForAll @IntRange(min = 1, max = 255) int flip,
      @ForAll @IntRange(min = 0, max = 3) int victim)
      throws IOException {
    String[] names = {
      "tokenizer.json", "config.json", "tokenizer_config.json", "model.safetensors"
    };
    Path folder = Files.createTempDirectory("hostile");
    for (String name : names) {
      byte[] bytes = Files.readAllBytes(Goldens.path("models/tiny-llama").resolve(name));
      if (name.equals(names[victim])) {
        flip(bytes, places, flip, Math.min(bytes.length, 22_000));
      }
      Files.write(folder.resolve(name), bytes);
    }
    try {
      BaseModel.open(folder).close();
    } catch (TrainingFailure e) {
      assertThat(e).hasMessageStartingWith(folder.toString());
    } finally {
      for (String name : names) {
        Files.delete(folder.resolve(name));
      }
      Files.delete(folder);
    }
  }

  private static void flip(byte[] bytes, int[] places, int flip, int within) {
    for (int place : places) {
      bytes[Math.floorMod(place * 31, within)] ^= (byte) flip;
    }
  }
}
