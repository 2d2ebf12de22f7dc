package dev.finetune.trainer.plan;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.DecoderLayout;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.lora.AdapterLayout;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.quant.DoubleQuantization;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What {@code ModelLoader}, {@code LoraAdapter} and the optimizers keep as long as a run lasts. */
final class ModelMemory {
  private static final long PAIRS_OF_BYTES = 1 << 16;
  private static final long OPTIMIZER_BLOCK = 256;
  private static final long LEAST_CODED = 4096;

  private final Workload workload;
  private final ModelConfig config;
  private final long element;
  private final AdapterLayout layout;
  private final DecoderLayout decoder;
  private final Map<String, Integer> ranks = new HashMap<>();

  ModelMemory(Workload workload) {
    this.layout = AdapterLayout.of(workload.adapter());
    workload.adapter().targets().forEach(t -> ranks.put(t.shape().name(), t.rank()));
    this.workload = workload;
    this.config = workload.config();
    this.decoder = new DecoderLayout(config);
    this.element = workload.type().bytes();
  }

  /** A linear layer by the end of its name. */
  record Linear(String name, long in, long out) {}

  /** Groups of linear layers that share an input, in the order of {@code ModelLoader.block}. */
  Linear[][] groups() {
    return decoder.groups().stream()
        .map(
            group ->
                group.stream()
                    .map(linear -> new Linear(linear.name(), linear.in(), linear.out()))
                    .toArray(Linear[]::new))
        .toArray(Linear[][]::new);
  }

  /** Returns the rank of a layer's update, 0 if it has none. */
  int rank(int layer, Linear linear) {
    return ranks.getOrDefault(decoder.block(layer) + linear.name(), 0);
  }

  /** Holds the model. */
  void load(Ledger.Scope scope) {
    if (workload.quantization() != null) {
      scope.hold("tables of NF4", (PAIRS_OF_BYTES * 4 + 256) * Float.BYTES);
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      scope.hold("norms", blockNorms() * normed());
      scope.hold("biases", biases() * element);
      for (Linear[] group : groups()) {
        for (Linear linear : group) {
          weight(scope, linear);
        }
      }
    }
    if (config.traits().embeddings().learnedPositions()) {
      scope.hold("embedding", (long) config.maxPositions() * config.hiddenSize() * element);
    }
    long table = (long) config.vocabularySize() * config.hiddenSize() * element;
    scope.hold("embedding", table);
    if (!config.tiedEmbeddings()) {
      scope.hold("output layer", table);
    }
    scope.hold("norms", config.hiddenSize() * normed());
  }

  /** Returns the elements of the norms of a block. */
  private long blockNorms() {
    long heads = config.traits().attention().headNorms() ? 2L * config.headSize() : 0;
    return (config.traits().norms().afterEach() ? 4L : 2L) * config.hiddenSize() + heads;
  }

  /** Returns the bytes of an element of a norm, with its bias if it has one. */
  private long normed() {
    return (decoder.normBias() ? 2L : 1L) * Float.BYTES;
  }

  /** Returns the elements of the biases of a block. */
  private long biases() {
    return decoder.groups().stream()
        .flatMap(List::stream)
        .filter(DecoderLayout.Linear::bias)
        .mapToLong(DecoderLayout.Linear::out)
        .sum();
  }

  /** Mirrors {@code ModelLoader.frozen}. */
  private void weight(Ledger.Scope scope, Linear linear) {
    Quantization quantization = workload.quantization();
    long elements = linear.in() * linear.out();
    if (quantization == null) {
      scope.hold("linear layers, " + workload.type(), elements * element);
      return;
    }
    scope.hold("linear layers, NF4", paddedElements(linear) / 2);
    long scales = scales(linear);
    if (quantization.doubleQuantization()) {
      scope.hold("absmax, 8 bits", paddedScales(linear));
      scope.within(
          "absmax of absmax",
          paddedScales(linear) / DoubleQuantization.BLOCK * Float.BYTES,
          scales * Float.BYTES);
    } else {
      scope.hold("absmax", scales * Float.BYTES);
    }
  }

  /** Returns the number of a weight's blocks. */
  long scales(Linear linear) {
    Quantization quantization = workload.quantization();
    return quantization == null
        ? 0
        : roundUp(linear.in() * linear.out(), quantization.blockSize()) / quantization.blockSize();
  }

  /** Returns the number of weights of whole blocks. */
  long paddedElements(Linear linear) {
    Quantization quantization = workload.quantization();
    return quantization == null
        ? linear.in() * linear.out()
        : roundUp(linear.in() * linear.out(), quantization.blockSize());
  }

  /** Returns the number of scales of whole blocks. */
  long paddedScales(Linear linear) {
    return roundUp(scales(linear), DoubleQuantization.BLOCK);
  }

  /** Returns the elements of an adapter's flat tensors. */
  long adapterSize() {
    return layout.size();
  }

  /** Mirrors the constructor of {@code LoraAdapter}. */
  void adapter(Ledger.Scope scope) {
    long size = adapterSize();
    scope.hold("adapter: parameters", size * Float.BYTES);
    scope.hold("adapter: gradients", size * Float.BYTES);
    if (workload.type() == ElementType.BF16) {
      scope.hold("adapter: parameters in BF16", size * element);
    }
    if (workload.adapter().decomposed()) {
      workload
          .adapter()
          .targets()
          .forEach(t -> scope.hold("adapter: norms of directions", t.shape().out() * Float.BYTES));
    }
  }

  /** Holds the optimizer's state. */
  void optimizer(Ledger.Scope scope) {
    scope.hold("optimizer: " + workload.optimizer() + " state", optimizerBytes());
  }

  private long optimizerBytes() {
    long size = adapterSize();
    return switch (workload.optimizer()) {
      case ADAM_W -> 2 * size * Float.BYTES;
      case ADAM_W_8BIT -> layout.sections().stream().mapToLong(ModelMemory::codedBytes).sum();
      case SGD -> workload.momentum() ? size * Float.BYTES : 0;
      case ADAFACTOR -> factoredBytes();
    };
  }

  /** Mirrors {@code AdamW8bit}: two codes a number with their scales, or two numbers if few. */
  private static long codedBytes(ParameterSection section) {
    long elements = section.elements();
    return elements < LEAST_CODED
        ? 2 * elements * Float.BYTES
        : 2 * (elements + roundUp(elements, OPTIMIZER_BLOCK) / OPTIMIZER_BLOCK * Float.BYTES);
  }

  /** Averages of the rows and columns of every matrix. */
  private long factoredBytes() {
    return layout.sections().stream()
        .mapToLong(section -> (section.rows() + section.columns()) * Float.BYTES)
        .sum();
  }

  static long roundUp(long count, long multiple) {
    return (count + multiple - 1) / multiple * multiple;
  }
}
