package dev.finetune.trainer.quant;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.WeightReader;
import java.nio.FloatBuffer;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Reads a checkpoint whose linear layers bitsandbytes has quantized to 4-bit NormalFloat. It offers
 * the layout of the model that was quantized: shapes as they were, values dequantized; and each
 * quantized weight as it is stored, without quantizing it again.
 */
public final class BitsAndBytesReader implements WeightReader {
  private static final String STATE = ".quant_state.bitsandbytes__nf4";
  private static final String OTHER_STATE = ".quant_state.bitsandbytes__";

  private final SafetensorsReader file;
  private final String source;
  private final Map<String, BitsAndBytesTensor> quantized;
  private final SortedSet<String> names = new TreeSet<>();

  private BitsAndBytesReader(
      SafetensorsReader file, String source, Map<String, BitsAndBytesTensor> quantized) {
    this.file = file;
    this.source = source;
    this.quantized = quantized;
    names.addAll(file.names());
    quantized.keySet().forEach(weight -> names.removeIf(name -> name.startsWith(weight + ".")));
  }

  /**
   * Finds the quantized weights of a checkpoint.
   *
   * @param source what to call the checkpoint in errors
   * @param file closes with the result; stays the caller's if this fails
   * @throws UnreadableData if a weight's tensors are missing, or do not fit each other
   * @throws UnsupportedModel if they are of another 4-bit type
   */
  public static BitsAndBytesReader of(String source, SafetensorsReader file) {
    Map<String, BitsAndBytesTensor> quantized = new HashMap<>();
    for (String name : file.names()) {
      if (name.endsWith(STATE)) {
        String weight = name.substring(0, name.length() - STATE.length());
        quantized.put(weight, BitsAndBytesTensor.read(source, file, weight, name));
      } else if (name.contains(OTHER_STATE)) {
        throw new UnsupportedModel(
            "%s: tensor '%s': only the 4-bit type nf4 of bitsandbytes is supported"
                .formatted(source, name));
      }
    }
    BitsAndBytesReader reader = new BitsAndBytesReader(file, source, quantized);
    reader.quantization();
    return reader;
  }

  /**
   * Returns how the weights are quantized; empty if none is.
   *
   * @throws UnsupportedModel if they differ
   */
  public Optional<Quantization> quantization() {
    Quantization first = null;
    String of = "";
    for (Map.Entry<String, BitsAndBytesTensor> entry : quantized.entrySet()) {
      Quantization next = entry.getValue().quantization();
      if (first != null && !next.equals(first)) {
        throw new UnsupportedModel(
            "%s: tensors '%s' and '%s' are quantized in two ways: %s and %s"
                .formatted(source, of, entry.getKey(), first, next));
      }
      first = next;
      of = entry.getKey();
    }
    return Optional.ofNullable(first);
  }

  /** Returns whether a weight is stored in 4 bits. */
  public boolean isQuantized(String name) {
    return quantized.containsKey(name);
  }

  /**
   * Returns a weight as it is stored; the caller closes it.
   *
   * @throws IllegalArgumentException if it is not quantized
   */
  public Nf4Weight weight(Kernels kernels, Nf4Table table, String name) {
    BitsAndBytesTensor tensor = quantized.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("tensor '" + name + "' is not quantized");
    }
    return Nf4Weight.restore(
        kernels,
        table,
        tensor.quantization(),
        tensor.shape(),
        tensor.source(file, kernels.engine()));
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(names);
  }

  @Override
  public long[] shape(String name) {
    BitsAndBytesTensor tensor = quantized.get(name);
    return tensor == null
        ? file.shape(name)
        : new long[] {tensor.shape().rows(), tensor.shape().columns()};
  }

  @Override
  public void read(String name, FloatBuffer target) {
    stream(name, (values, count) -> target.put(values, 0, count));
  }

  @Override
  public void stream(String name, Sink sink) {
    BitsAndBytesTensor tensor = quantized.get(name);
    if (tensor == null) {
      file.stream(name, sink);
    } else {
      tensor.dequantize(file, sink);
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
