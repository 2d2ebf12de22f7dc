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
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes a decoder of weights on disk. Values go from the file into the tensors in small parts, so
 * that the peak of memory is the model as it will be kept.
 */
public final class ModelLoader {
  private final Kernels kernels;
  private final ModelConfig config;
  private final WeightReader weights;
  private final @Nullable Quantization quantization;
  private final @Nullable Nf4Table table;
  private final @Nullable WeightChange change;
  private final List<LinearShape> linears = new ArrayList<>();

  private ModelLoader(
      Kernels kernels,
      ModelConfig config,
      WeightReader weights,
      @Nullable Quantization quantization,
      @Nullable WeightChange change) {
    this.kernels = kernels;
    this.config = config;
    this.weights = weights;
    this.quantization = quantization;
    this.table = quantization == null ? null : new Nf4Table(kernels.engine());
    this.change = change;
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
    return load(kernels, config, weights, quantization, null);
  }

  /**
   * Loads a decoder whose linear layers are not those on disk.
   *
   * @param change what becomes of the weight of each linear layer of the blocks before it is
   *     quantized, or null for nothing
   */
  public static DecoderModel load(
      Kernels kernels,
      ModelConfig config,
      WeightReader weights,
      @Nullable Quantization quantization,
      @Nullable WeightChange change) {
    return new ModelLoader(kernels, config, weights, quantization, change).load();
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
            blocks, embedding, head, norm("model.norm"), List.copyOf(linears), table));
  }

  private DecoderBlock block(int layer) {
    String prefix = "model.layers." + layer + ".";
    return new DecoderBlock(
        kernels,
        config,
        new DecoderBlock.Weights(
            norm(prefix + "input_layernorm"),
            norm(prefix + "post_attention_layernorm"),
            group(layer, 0, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            group(layer, 1, "self_attn.o_proj"),
            group(layer, 2, "mlp.gate_proj", "mlp.up_proj"),
            group(layer, 3, "mlp.down_proj")));
  }

  private LinearGroup group(int layer, int group, String... names) {
    List<FrozenLinear> members = new ArrayList<>();
    for (String name : names) {
      String full = "model.layers." + layer + "." + name;
      FrozenLinear linear = new FrozenLinear(full, frozen(full));
      members.add(linear);
      linears.add(new LinearShape(full, linear.weight().columns(), linear.weight().rows()));
    }
    return new LinearGroup(kernels, layer, group, List.copyOf(members));
  }

  private FrozenWeight frozen(String linear) {
    String name = linear + ".weight";
    if (change != null) {
      return frozen(linear, name, change);
    }
    if (quantization == null || table == null) {
      return new DenseWeight(activations(name));
    }
    long[] shape = weights.shape(name);
    Nf4Weight.Builder builder = Nf4Weight.builder(kernels, table, shape[0], shape[1], quantization);
    weights.stream(name, builder::add);
    return builder.build();
  }

  private FrozenWeight frozen(String linear, String name, WeightChange change) {
    try (Scope scope = new Scope()) {
      Tensor changed = change.apply(scope, linear, scope.own(read(name, ElementType.F32)));
      if (quantization != null && table != null) {
        Nf4Weight.Builder builder =
            Nf4Weight.builder(kernels, table, changed.size(0), changed.size(1), quantization);
        float[] values = changed.toFloats();
        builder.add(values, values.length);
        return builder.build();
      }
      return new DenseWeight(
          scope.release(
              kernels.type() == ElementType.F32 ? changed : kernels.toActivations(scope, changed)));
    }
  }

  private NormWeight norm(String name) {
    return new NormWeight(kernels, name, read(name + ".weight", ElementType.F32));
  }

  private Tensor activations(String name) {
    return read(name, kernels.type());
  }

  private Tensor read(String name, ElementType type) {
    try (Scope scope = new Scope()) {
      Tensor tensor = kernels.engine().empty(scope, type, weights.shape(name));
      weights.stream(name, new TensorSink(kernels.engine(), tensor));
      return scope.release(tensor);
    }
  }

  /** Puts values into a tensor as they come. */
  private static final class TensorSink implements WeightReader.Sink {
    private final Engine engine;
    private final Tensor tensor;
    private long next;

    private TensorSink(Engine engine, Tensor tensor) {
      this.engine = engine;
      this.tensor = tensor;
    }

    @Override
    public void accept(float[] values, int count) {
      engine.write(tensor, next, values, count);
      next += count;
    }
  }
}
