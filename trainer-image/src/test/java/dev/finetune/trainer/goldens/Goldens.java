package dev.finetune.trainer.goldens;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.trainer.data.Example;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/**
 * Reference numbers that PEFT, transformers and bitsandbytes made. {@code
 * -Dfinetune.goldens=FOLDER} names others, made with other seeds and shapes.
 */
public final class Goldens {
  private static final Path ROOT =
      Path.of(System.getProperty("finetune.goldens", "src/test/resources/goldens"));

  private static final Path UNPACKED = Path.of("target/goldens");

  private Goldens() {}

  /** Returns a file or folder of the goldens; a file that is kept compressed is unpacked. */
  public static Path path(String name) {
    Path file = ROOT.resolve(name);
    Path compressed = ROOT.resolve(name + ".gz");
    if (Files.exists(file) || !Files.exists(compressed)) {
      return file;
    }
    Path unpacked = UNPACKED.resolve(name);
    try {
      if (!Files.exists(unpacked)) {
        Files.createDirectories(unpacked.getParent());
        Path part = Files.createTempFile(unpacked.getParent(), "part", null);
        try (InputStream in = new GZIPInputStream(Files.newInputStream(compressed))) {
          Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
        }
        Files.move(part, unpacked, StandardCopyOption.ATOMIC_MOVE);
      }
      return unpacked;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Opens a safetensors file of the goldens, which may be kept compressed. */
  public static GoldenTensors tensors(String name) {
    Path compressed = ROOT.resolve(name + ".gz");
    return new GoldenTensors(Files.exists(compressed) ? compressed : ROOT.resolve(name));
  }

  /** Reads a JSON file of the goldens. */
  public static JsonNode json(String name) {
    try {
      return new ObjectMapper().readTree(path(name).toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the rows of a padded batch without their padding. */
  public static List<Example> examples(GoldenTensors batches, String prefix) {
    long[] shape = batches.shape(prefix + "input_ids");
    long[] ids = batches.longs(prefix + "input_ids");
    long[] mask = batches.longs(prefix + "attention_mask");
    long[] labels = batches.longs(prefix + "labels");
    List<Example> examples = new ArrayList<>();
    int width = (int) shape[1];
    for (int row = 0; row < shape[0]; row++) {
      List<Integer> places = new ArrayList<>();
      for (int i = 0; i < width; i++) {
        if (mask[row * width + i] != 0) {
          places.add(row * width + i);
        }
      }
      examples.add(
          new Example(
              row,
              places.stream().mapToInt(i -> (int) ids[i]).toArray(),
              places.stream().mapToInt(i -> (int) labels[i]).toArray()));
    }
    return examples;
  }

  /** Returns the relative L2 distance of two vectors. */
  public static double distance(float[] actual, float[] expected) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(actual[i] - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / Math.max(norm, 1e-30));
  }
}
