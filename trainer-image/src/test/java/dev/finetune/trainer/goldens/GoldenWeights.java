package dev.finetune.trainer.goldens;

import dev.finetune.trainer.weights.WeightReader;
import java.nio.FloatBuffer;
import java.util.Set;

/** The weights of a golden model as the loader wants them. */
public record GoldenWeights(GoldenTensors tensors) implements WeightReader {
  @Override
  public Set<String> names() {
    return Set.copyOf(tensors.names());
  }

  @Override
  public long[] shape(String name) {
    return tensors.shape(name);
  }

  @Override
  public void read(String name, FloatBuffer target) {
    target.put(tensors.floats(name));
  }

  @Override
  public void close() {}
}
