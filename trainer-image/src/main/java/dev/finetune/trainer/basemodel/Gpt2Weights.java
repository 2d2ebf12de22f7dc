package dev.finetune.trainer.basemodel;

import dev.finetune.trainer.weights.WeightReader;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * The weights of GPT-2 as other decoders have theirs: linear layers (out, in), which its files hold
 * (in, out), under names with {@code transformer.}, which older files leave out. Masks that old
 * files keep are not shown.
 */
final class Gpt2Weights implements WeightReader {
  private static final String PREFIX = "transformer.";
  private static final Pattern MASK =
      Pattern.compile("(transformer\\.)?h\\.\\d+\\.attn\\.(masked_)?bias");
  private static final Pattern LINEAR =
      Pattern.compile("transformer\\.h\\.\\d+\\.(attn|mlp)\\.c_(attn|proj|fc)\\.weight");

  private final WeightReader file;
  private final SortedMap<String, String> stored = new TreeMap<>();

  /**
   * Wraps a file, which closes with it.
   *
   * @param file weights as they are stored
   */
  Gpt2Weights(WeightReader file) {
    this.file = file;
    for (String name : file.names()) {
      if (!MASK.matcher(name).matches()) {
        boolean plain = name.startsWith(PREFIX) || name.startsWith("lm_head.");
        stored.put(plain ? name : PREFIX + name, name);
      }
    }
  }

  /** Returns the names in the file by those of the decoder. */
  Map<String, String> stored() {
    return stored;
  }

  private String stored(String name) {
    return stored.getOrDefault(name, name);
  }

  @Override
  public Set<String> names() {
    return stored.keySet();
  }

  @Override
  public long[] shape(String name) {
    long[] shape = file.shape(stored(name));
    return transposed(name, shape) ? new long[] {shape[1], shape[0]} : shape;
  }

  private static boolean transposed(String name, long[] shape) {
    return shape.length == 2 && LINEAR.matcher(name).matches();
  }

  @Override
  public void read(String name, FloatBuffer target) {
    long[] shape = file.shape(stored(name));
    if (!transposed(name, shape)) {
      file.read(stored(name), target);
      return;
    }
    int rows = Math.toIntExact(shape[0]);
    int columns = Math.toIntExact(shape[1]);
    float[] values = new float[Math.multiplyExact(rows, columns)];
    file.read(stored(name), FloatBuffer.wrap(values));
    float[] line = new float[rows];
    for (int column = 0; column < columns; column++) {
      for (int row = 0; row < rows; row++) {
        line[row] = values[row * columns + column];
      }
      target.put(line);
    }
  }

  @Override
  public void stream(String name, Sink sink) {
    if (!transposed(name, file.shape(stored(name)))) {
      file.stream(stored(name), sink);
      return;
    }
    WeightReader.super.stream(name, sink);
  }

  @Override
  public void close() {
    file.close();
  }
}
