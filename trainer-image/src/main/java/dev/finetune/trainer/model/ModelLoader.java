package dev.finetune.trainer.model;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.DecoderLayout;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.ComputeDevice;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.quant.BitsAndBytesReader;
import dev.finetune.trainer.quant.DenseWeight;
import dev.finetune.trainer.quant.FrozenWeight;
import dev.finetune.trainer.quant.Nf4Table;
import dev.finetune.trainer.quant.Nf4Weight;
import dev.finetune.trainer.quant.QuantizedShape;
import dev.finetune.trainer.weights.WeightReader;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes a decoder of weights on disk. Values go from the file into the tensors in small parts, so
 * that the peak of memory is the model as it will be kept.
 */
public final class ModelLoader {
  /** Beyond these the file, not the decoding, is what takes the time. */
  private static final int MOST_THREADS = 8;

  private final Kernels kernels;
  private final ModelConfig config;
  private final DecoderLayout layout;
  private final WeightReader weights;
  private final @Nullable Quantization quantization;
  private final @Nullable Nf4Table table;
  private final ExecutorService threads;
  private final Origin origin;
  private final List<LinearShape> linears = new ArrayList<>();
  private final SortedMap<String, Nf4Weight> quantized = new TreeMap<>();

  /**
   * Where linear layers come from beside the weights.
   *
   * @param change what becomes of them before they are quantized, or null
   * @param stored as they were quantized before, or null
   */
  private record Origin(@Nullable WeightChange change, @Nullable QuantizedReader stored) {}

  private ModelLoader(
      Kernels kernels,
      ModelConfig config,
      WeightReader weights,
      @Nullable Quantization quantization,
      ExecutorService threads,
      Origin origin) {
    this.kernels = kernels;
    this.config = config;
    this.layout = new DecoderLayout(config);
    this.weights = weights;
    this.quantization = quantization;
    this.threads = threads;
    this.table = quantization == null ? null : new Nf4Table(kernels.engine());
    this.origin = origin;
  }

  /**
   * Loads a decoder.
   *
   * @param weights may be read by several threads at once
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
    return load(
        kernels, config, weights, quantization, new Origin(change, null), (model, _) -> model);
  }

  /**
   * Loads a decoder whose linear layers are quantized, or were quantized before.
   *
   * <p>On a GPU the cache is not used: to write its tensors they would all have to be copied to the
   * machine's memory, and the mean of the scales is rounded in another order there. Nor is it for a
   * checkpoint that is quantized already.
   *
   * @param cache where they are taken from, or else, once the model is loaded, written to beside
   *     what comes next
   */
  public static DecoderModel loadCached(
      Kernels kernels,
      ModelConfig config,
      WeightReader weights,
      Quantization quantization,
      QuantizedCache cache) {
    if (kernels.engine().device() != ComputeDevice.CPU || weights instanceof BitsAndBytesReader) {
      return load(kernels, config, weights, quantization);
    }
    try (QuantizedReader stored = cache.open(config).orElse(null)) {
      return load(
          kernels,
          config,
          weights,
          quantization,
          new Origin(null, stored),
          (model, quantized) -> {
            if (stored == null) {
              model.closeFirst(cache.save(quantized));
            }
            return model;
          });
    }
  }

  private static DecoderModel load(
      Kernels kernels,
      ModelConfig config,
      WeightReader weights,
      @Nullable Quantization quantization,
      Origin origin,
      BiFunction<DecoderModel, SortedMap<String, Nf4Weight>, DecoderModel> afterwards) {
    int processors = Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors());
    ThreadFactory factory = Thread.ofPlatform().daemon().name("weights-", 1).factory();
    try (ExecutorService threads = Executors.newFixedThreadPool(processors, factory)) {
      ModelLoader loader = new ModelLoader(kernels, config, weights, quantization, threads, origin);
      return afterwards.apply(loader.load(), loader.quantized);
    }
  }

  private DecoderModel load() {
    Arriving<Tensor> embedding = activations(layout.embedding() + ".weight");
    Arriving<Tensor> head = config.tiedEmbeddings() ? embedding : activations("lm_head.weight");
    Arriving<Tensor> positions =
        config.traits().embeddings().learnedPositions()
            ? activations(layout.positions() + ".weight")
            : null;
    Arriving<NormWeight> norm = norm(layout.lastNorm());
    List<DecoderBlock> blocks = new ArrayList<>();
    // One block is on its way while another is waited for.
    Arriving<DecoderBlock> next = block(0);
    for (int layer = 0; layer < config.layers(); layer++) {
      Arriving<DecoderBlock> current = next;
      if (layer + 1 < config.layers()) {
        next = block(layer + 1);
      }
      blocks.add(current.get());
    }
    DecoderModel model =
        new DecoderModel(
            kernels,
            config,
            new DecoderModel.Parts(
                blocks,
                embedding.get(),
                head.get(),
                positions == null ? null : positions.get(),
                norm.get(),
                List.copyOf(linears),
                table));
    kernels.engine().returnFreedMemory();
    return model;
  }

  private Arriving<DecoderBlock> block(int layer) {
    String prefix = layout.block(layer);
    DecoderLayout.BlockNorms names = layout.norms();
    boolean headNorms = config.traits().attention().headNorms();
    Arriving<NormWeight> input = norm(prefix + names.input());
    @Nullable Arriving<NormWeight> query = headNorms ? norm(prefix + layout.queryNorm()) : null;
    @Nullable Arriving<NormWeight> key = headNorms ? norm(prefix + layout.keyNorm()) : null;
    @Nullable Arriving<NormWeight> afterAttention = norm(prefix, names.afterAttention());
    Arriving<NormWeight> feedForward = norm(prefix + names.feedForward());
    @Nullable Arriving<NormWeight> afterFeedForward = norm(prefix, names.afterFeedForward());
    List<Arriving<LinearGroup>> groups = new ArrayList<>();
    for (int group = 0; group < layout.groups().size(); group++) {
      groups.add(group(layer, group, layout.groups().get(group)));
    }
    return () ->
        new DecoderBlock(
            kernels,
            new Attention(
                kernels,
                config,
                new Attention.Weights(
                    input.get(),
                    arrived(query),
                    arrived(key),
                    arrived(afterAttention),
                    groups.get(0).get(),
                    groups.get(1).get())),
            new FeedForward(
                kernels,
                config,
                new FeedForward.Weights(
                    feedForward.get(),
                    arrived(afterFeedForward),
                    groups.get(2).get(),
                    groups.get(3).get())));
  }

  private static <T> @Nullable T arrived(@Nullable Arriving<T> part) {
    return part == null ? null : part.get();
  }

  private @Nullable Arriving<NormWeight> norm(String prefix, @Nullable String name) {
    return name == null ? null : norm(prefix + name);
  }

  private Arriving<LinearGroup> group(int layer, int group, List<DecoderLayout.Linear> members) {
    List<String> full =
        members.stream().map(linear -> layout.block(layer) + linear.name()).toList();
    List<Arriving<FrozenWeight>> arriving = full.stream().map(this::frozen).toList();
    List<@Nullable Arriving<Tensor>> biases = new ArrayList<>();
    for (int i = 0; i < full.size(); i++) {
      biases.add(members.get(i).bias() ? activations(full.get(i) + ".bias") : null);
    }
    return () -> {
      List<FrozenLinear> loaded = new ArrayList<>();
      for (int i = 0; i < full.size(); i++) {
        FrozenLinear linear =
            new FrozenLinear(full.get(i), arriving.get(i).get(), arrived(biases.get(i)));
        loaded.add(linear);
        if (linear.weight() instanceof Nf4Weight weight) {
          quantized.put(linear.name() + ".weight", weight);
        }
        linears.add(
            new LinearShape(linear.name(), linear.weight().columns(), linear.weight().rows()));
      }
      return new LinearGroup(kernels, layer, group, List.copyOf(loaded));
    };
  }

  private Arriving<FrozenWeight> frozen(String linear) {
    String name = linear + ".weight";
    WeightChange change = origin.change();
    if (change != null) {
      Arriving<Tensor> original = read(name, ElementType.F32);
      return () -> changed(linear, original.get(), change);
    }
    if (quantization == null || table == null) {
      Arriving<Tensor> dense = activations(name);
      return () -> new DenseWeight(dense.get());
    }
    if (weights instanceof BitsAndBytesReader checkpoint) {
      if (!checkpoint.isQuantized(name)) {
        Arriving<Tensor> dense = activations(name);
        return () -> new DenseWeight(dense.get());
      }
      return () -> checkpoint.weight(kernels, table, name);
    }
    long[] shape = weights.shape(name);
    QuantizedReader stored = origin.stored();
    if (stored != null) {
      return restored(name, shape, quantization, table, stored);
    }
    Nf4Weight.Builder builder = Nf4Weight.builder(kernels, table, shape[0], shape[1], quantization);
    return arriving(name, builder::add, builder::build);
  }

  /** Lets threads fill the tensors of a weight that was quantized before. */
  private Arriving<FrozenWeight> restored(
      String name, long[] shape, Quantization quantization, Nf4Table nf4, QuantizedReader stored) {
    StoredWeight source = new StoredWeight(kernels.engine(), stored.file(), name + ".", threads);
    QuantizedShape quantizedShape =
        new QuantizedShape(shape[0], shape[1], quantization.blockSize());
    Nf4Weight weight = Nf4Weight.restore(kernels, nf4, quantization, quantizedShape, source);
    return () -> {
      source.arriving().forEach(ModelLoader::await);
      return weight;
    };
  }

  private FrozenWeight changed(String linear, Tensor original, WeightChange change) {
    try (Scope scope = new Scope()) {
      Tensor changed = change.apply(scope, linear, scope.own(original));
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

  private Arriving<NormWeight> norm(String name) {
    boolean plusOne = config.traits().norms().plusOne();
    Arriving<Tensor> weight = read(name + ".weight", ElementType.F32);
    Arriving<Tensor> bias = layout.normBias() ? read(name + ".bias", ElementType.F32) : null;
    return () -> {
      Tensor values = weight.get();
      if (plusOne) {
        addOne(values);
      }
      return new NormWeight(
          kernels,
          name,
          values,
          new NormWeight.Special(config.rmsNormEpsilon(), plusOne, arrived(bias)));
    };
  }

  private void addOne(Tensor weight) {
    float[] values = weight.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] += 1;
    }
    kernels.engine().set(weight, values);
  }

  private Arriving<Tensor> activations(String name) {
    return read(name, kernels.type());
  }

  private Arriving<Tensor> read(String name, ElementType type) {
    try (Scope scope = new Scope()) {
      Tensor tensor = scope.release(kernels.engine().empty(scope, type, weights.shape(name)));
      return arriving(name, new TensorSink(kernels.engine(), tensor), () -> tensor);
    }
  }

  /**
   * Lets a thread decode a tensor and put its values where they belong. Kernels are called by the
   * loader's own thread only.
   */
  private <T> Arriving<T> arriving(String name, WeightReader.Sink sink, Supplier<T> done) {
    Future<?> all = threads.submit(() -> weights.stream(name, sink));
    return () -> {
      await(all);
      return done.get();
    };
  }

  static void await(Future<?> all) {
    try {
      all.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while weights were read", e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }

  /** A part of the model whose values are on their way. */
  private interface Arriving<T> {
    /** Waits for the values and returns the part; called once. */
    T get();
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
