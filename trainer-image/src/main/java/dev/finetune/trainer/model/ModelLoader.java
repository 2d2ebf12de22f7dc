package dev.finetune.trainer.model;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.quant.DenseWeight;
import dev.finetune.trainer.quant.FrozenWeight;
import dev.finetune.trainer.quant.Nf4Table;
import dev.finetune.trainer.quant.Nf4Weight;
import dev.finetune.trainer.weights.WeightReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes a decoder of weights on disk, one tensor at a time, so that the peak of memory is the model
 * as it will be kept and one tensor.
 */
public final class ModelLoader {
  private final Kernels kernels;
  private final ModelConfig config;
  private final WeightReader weights;
  private final @Nullable Quantization quantization;
  private final @Nullable Nf4Table table;
  private final List<LinearShape> linears = new ArrayList<>();
  private ByteBuffer buffer = ByteBuffer.allocateDirect(0);

  private ModelLoader(
      Kernels kernels,
      ModelConfig config,
      WeightReader weights,
      @Nullable Quantization quantization) {
    this.kernels = kernels;
    this.config = config;
    this.weights = weights;
    this.quantization = quantization;
    this.table = quantization == null ? null : new Nf4Table(kernels.engine());
  }

  /**
   * Loads a decoder.
   *
   * @param quantization how linear layers are kept; null: in the type of activations. Embeddings,
   *     norms and the output layer are never quantized
   */
  public static DecoderModel load(
      Kernels kernels,
      ModelConfig config,
      WeightReader weights,
      @Nullable Quantization quantization) {
    return new ModelLoader(kernels, config, weights, quantization).load();
  }

  private DecoderModel load() {
    List<DecoderBlock> blocks = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      blocks.add(block(layer));
    }
    Tensor embedding = activations("model.embed_tokens.weight");
    Tensor head = config.tiedEmbeddings() ? embedding : activations("lm_head.weight");
    return new DecoderModel(
        kernels,
        config,
        new DecoderModel.Parts(
            blocks, embedding, head, norm("model.norm.weight"), List.copyOf(linears), table));
  }

  private DecoderBlock block(int layer) {
    String prefix = "model.layers." + layer + ".";
    return new DecoderBlock(
        kernels,
        config,
        new DecoderBlock.Weights(
            norm(prefix + "input_layernorm.weight"),
            norm(prefix + "post_attention_layernorm.weight"),
            group(layer, 0, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            group(layer, 1, "self_attn.o_proj"),
            group(layer, 2, "mlp.gate_proj", "mlp.up_proj"),
            group(layer, 3, "mlp.down_proj")));
  }

  private LinearGroup group(int layer, int group, String... names) {
    List<FrozenLinear> members = new ArrayList<>();
    for (String name : names) {
      String full = "model.layers." + layer + "." + name;
      FrozenLinear linear = new FrozenLinear(full, frozen(full + ".weight"));
      members.add(linear);
      linears.add(new LinearShape(full, linear.weight().columns(), linear.weight().rows()));
    }
    return new LinearGroup(kernels, layer, group, List.copyOf(members));
  }

  private FrozenWeight frozen(String name) {
    if (quantization == null || table == null) {
      return new DenseWeight(activations(name));
    }
    long[] shape = weights.shape(name);
    float[] values = new float[Math.toIntExact(Math.multiplyExact(shape[0], shape[1]))];
    weights.read(name, FloatBuffer.wrap(values));
    return new Nf4Weight(
        kernels,
        table,
        values,
        shape[0],
        shape[1],
        quantization.blockSize(),
        quantization.doubleQuantization());
  }

  private Tensor norm(String name) {
    Scope scope = new Scope();
    return scope.release(read(scope, name));
  }

  private Tensor activations(String name) {
    try (Scope scope = new Scope()) {
      Tensor values = read(scope, name);
      if (kernels.type() == ElementType.F32) {
        return scope.release(values);
      }
      return scope.release(kernels.toActivations(scope, values));
    }
  }

  private Tensor read(Scope scope, String name) {
    long[] shape = weights.shape(name);
    int elements = Math.toIntExact(elements(shape));
    int bytes = Math.multiplyExact(elements, Float.BYTES);
    if (buffer.capacity() < bytes) {
      buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }
    FloatBuffer target = buffer.clear().limit(bytes).order(ByteOrder.nativeOrder()).asFloatBuffer();
    weights.read(name, target);
    Engine engine = kernels.engine();
    return engine.copyOf(scope, target.rewind(), ElementType.F32, shape);
  }

  private static long elements(long[] shape) {
    long elements = 1;
    for (long size : shape) {
      elements = Math.multiplyExact(elements, size);
    }
    return elements;
  }
}
