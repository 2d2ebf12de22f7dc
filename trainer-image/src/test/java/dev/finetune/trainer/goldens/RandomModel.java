package dev.finetune.trainer.goldens;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.weights.WeightReader;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Models, adapters and examples of any shape with random numbers. */
public final class RandomModel {
  private RandomModel() {}

  /** Returns a configuration; the intermediate size is odd on purpose. */
  public static ModelConfig config(int layers, int heads, int keyValueHeads, int headSize) {
    return new ModelConfig(
        "llama",
        37,
        heads * headSize + 3,
        2 * heads * headSize + 5,
        layers,
        heads,
        keyValueHeads,
        headSize,
        1e-5,
        10_000,
        new RopeScaling.None(),
        true,
        256);
  }

  /** Returns a configuration with an output layer of its own. */
  public static ModelConfig untied(ModelConfig config) {
    return new ModelConfig(
        config.architecture(),
        config.vocabularySize(),
        config.hiddenSize(),
        config.intermediateSize(),
        config.layers(),
        config.attentionHeads(),
        config.keyValueHeads(),
        config.headSize(),
        config.rmsNormEpsilon(),
        config.ropeTheta(),
        config.ropeScaling(),
        false,
        config.maxPositions());
  }

  /** Loads a model of normal random weights. */
  public static DecoderModel load(
      Kernels kernels, ModelConfig config, @Nullable Quantization quantization, long seed) {
    return ModelLoader.load(kernels, config, weights(config, seed), quantization);
  }

  /** Returns the weights of a model. */
  public static WeightReader weights(ModelConfig config, long seed) {
    return new RandomWeights(config, seed);
  }

  /** Returns the numbers of one weight. */
  public static float[] weight(ModelConfig config, long seed, String name) {
    WeightReader weights = weights(config, seed);
    int count = 1;
    for (long size : weights.shape(name)) {
      count *= Math.toIntExact(size);
    }
    float[] values = new float[count];
    weights.read(name, FloatBuffer.wrap(values));
    return values;
  }

  /** Makes an adapter of all linear layers whose matrices are both random. */
  public static LoraAdapter adapter(Kernels kernels, DecoderModel model, int rank, long seed) {
    return adapter(kernels, AdapterShape.of(model.linears(), rank, 2.0 * rank), seed);
  }

  /** Makes an adapter of some shape with random numbers; vectors are near 1. */
  public static LoraAdapter adapter(Kernels kernels, AdapterShape shape, long seed) {
    LoraAdapter adapter = new LoraAdapter(kernels, shape);
    Random random = new Random(seed);
    TreeMap<String, float[]> filled = new TreeMap<>();
    for (ParameterSection section : adapter.sections()) {
      float[] values = normal(random, Math.toIntExact(section.elements()), 0.2f);
      if (section.kind() == ParameterSection.Kind.MAGNITUDE || section.columns() == 1) {
        for (int i = 0; i < values.length; i++) {
          values[i] += 1;
        }
      }
      filled.put(section.name(), values);
    }
    adapter.setTensors(filled);
    return adapter;
  }

  /** Makes examples of these lengths; about two thirds of the tokens are supervised. */
  public static List<Example> examples(int vocabulary, long seed, int... lengths) {
    Random random = new Random(seed);
    List<Example> examples = new ArrayList<>();
    for (int length : lengths) {
      int[] ids = random.ints(length, 0, vocabulary).toArray();
      int[] labels = ids.clone();
      for (int i = 0; i < length; i++) {
        if (i != length - 1 && random.nextInt(3) == 0) {
          labels[i] = Example.NOT_SUPERVISED;
        }
      }
      examples.add(new Example(examples.size(), ids, labels));
    }
    return examples;
  }

  static float[] normal(Random random, int count, float deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian() * deviation;
    }
    return values;
  }

  private record RandomWeights(ModelConfig config, long seed) implements WeightReader {
    @Override
    public Set<String> names() {
      throw new UnsupportedOperationException("the loader knows the names");
    }

    @Override
    public long[] shape(String name) {
      long[] shape = DecoderTensors.shapes(config).get(name);
      if (shape == null) {
        throw new IllegalArgumentException(name);
      }
      return shape;
    }

    @Override
    public void read(String name, FloatBuffer target) {
      Random random = new Random(seed ^ name.hashCode());
      boolean norm = name.endsWith("norm.weight");
      while (target.hasRemaining()) {
        float value = (float) random.nextGaussian();
        target.put(norm ? 1 + 0.1f * value : 0.3f * value);
      }
    }

    @Override
    public void close() {}
  }
}
