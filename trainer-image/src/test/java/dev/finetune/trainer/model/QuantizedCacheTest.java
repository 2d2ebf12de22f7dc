package dev.finetune.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.cache.CacheLimit;
import dev.finetune.trainer.cache.ContentCache;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.quant.Nf4Table;
import dev.finetune.trainer.quant.Nf4Weight;
import dev.finetune.trainer.quant.QuantizedShape;
import dev.finetune.trainer.quant.QuantizedSource;
import dev.finetune.trainer.train.AdapterTrainer;
import dev.finetune.trainer.weights.WeightReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Weights that were quantized before against weights that are quantized now. */
class QuantizedCacheTest {
  private static final ModelConfig CONFIG = RandomModel.config(3, 4, 2, 6);
  private static final long SEED = 3;

  @TempDir private Path folder;
  private final List<String> notices = Collections.synchronizedList(new ArrayList<>());
  private ContentCache cache;

  @BeforeEach
  void open() {
    cache = ContentCache.open(folder.resolve("cache"), CacheLimit.NONE, notices::add);
  }

  @AfterEach
  void close() {
    cache.close();
  }

  static List<Quantization> quantizations() {
    return List.of(
        new Quantization(QuantizationType.NF4, 64, true),
        new Quantization(QuantizationType.NF4, 64, false),
        new Quantization(QuantizationType.NF4, 256, true));
  }

  @ParameterizedTest
  @MethodSource("quantizations")
  void trainsToTheSameBitsFromAWarmCacheWithoutReadingALinearLayer(Quantization quantization)
      throws Exception {
    Reads cold = new Reads(RandomModel.weights(CONFIG, SEED), new ConcurrentSkipListSet<>());
    Map<String, float[]> expected = train(cold, quantization, "model");
    assertThat(cold.names()).anyMatch(QuantizedReader::isQuantized);
    Reads warm = new Reads(RandomModel.weights(CONFIG, SEED), new ConcurrentSkipListSet<>());
    Map<String, float[]> actual = train(warm, quantization, "model");
    assertThat(warm.names()).isNotEmpty().noneMatch(QuantizedReader::isQuantized);
    assertThat(actual).hasSameSizeAs(expected);
    actual.forEach((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
    assertThat(notices).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("quantizations")
  void aWeightIsRestoredByteForByteAndHoldsAsMuchMemory(Quantization quantization) {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    Engine engine = TestEngine.engine();
    int rows = 27;
    int columns = 53;
    float[] values = RandomModel.weight(CONFIG, SEED, "model.layers.0.mlp.down_proj.weight");
    assertThat(values).hasSizeGreaterThanOrEqualTo(rows * columns);
    try (Nf4Table table = new Nf4Table(engine)) {
      Nf4Weight.Builder builder = Nf4Weight.builder(kernels, table, rows, columns, quantization);
      long before = engine.liveBytes();
      try (Nf4Weight weight = builder.add(values, rows * columns).build()) {
        long held = engine.liveBytes() - before;
        Stored stored = new Stored(weight, new TreeMap<>());
        long second = engine.liveBytes();
        try (Nf4Weight restored =
                Nf4Weight.restore(
                    kernels,
                    table,
                    quantization,
                    new QuantizedShape(rows, columns, quantization.blockSize()),
                    stored);
            Scope scope = new Scope()) {
          long packed = weight.kept().get(QuantizedShape.PACKED).bytes();
          assertThat(engine.liveBytes() - second).isEqualTo(held + packed);
          assertThat(stored.filled().keySet()).isEqualTo(weight.kept().keySet());
          assertThat(restored.materialize(scope).toFloats())
              .isEqualTo(weight.materialize(scope).toFloats());
        }
      }
    }
  }

  /** What the plan counts while a model is loaded is what is kept, from a cold cache too. */
  @ParameterizedTest
  @MethodSource("quantizations")
  void holdsWhatAColdCacheLeavesInMemoryAndNothingOnTheWay(Quantization quantization)
      throws Exception {
    Engine engine = TestEngine.engine();
    long before = engine.liveBytes();
    long kept;
    try (DecoderModel model = load(quantization)) {
      kept = engine.liveBytes() - before;
      model.awaitSaved();
    }
    engine.resetPeakBytes();
    try (DecoderModel _ = load(quantization)) {
      assertThat(engine.liveBytes() - before).isEqualTo(kept);
      assertThat(engine.peakBytes() - before).isEqualTo(kept);
    }
    assertThat(engine.liveBytes()).isEqualTo(before);
  }

  @Test
  void aFileThatIsBrokenIsSaidAndTheWeightsAreQuantizedAndKeptAgain() throws Exception {
    Quantization quantization = quantizations().getFirst();
    Map<String, float[]> expected = train(weights(), quantization, "model");
    Path file = file();
    byte[] whole = Files.readAllBytes(file);
    for (int damage = 0; damage < 3; damage++) {
      damage(file, damage);
      Reads reads = weights();
      Map<String, float[]> actual = train(reads, quantization, "model");
      assertThat(reads.names()).anyMatch(QuantizedReader::isQuantized);
      actual.forEach((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
      assertThat(notices).singleElement().asString().contains(file.toString());
      assertThat(file()).hasBinaryContent(whole);
      notices.clear();
    }
  }

  @Test
  void aFileOfAnotherModelIsRefusedThoughTheIndexNamesIt() throws Exception {
    Quantization quantization = quantizations().getFirst();
    ModelConfig other = RandomModel.config(2, 3, 3, 8);
    try (DecoderModel model =
        ModelLoader.loadCached(
            TestEngine.kernels(ElementType.F32),
            other,
            RandomModel.weights(other, SEED),
            quantization,
            quantizedCache("model", quantization))) {
      model.awaitSaved();
    }
    Reads reads = weights();
    train(reads, quantization, "model");
    assertThat(reads.names()).anyMatch(QuantizedReader::isQuantized);
    assertThat(notices).singleElement().asString().contains("expected a tensor 'model.layers.");
  }

  @Test
  void otherBytesOfTheModelOrOtherSettingsHaveWeightsOfTheirOwn() throws Exception {
    train(weights(), quantizations().get(0), "model");
    for (Quantization quantization : quantizations()) {
      Reads reads = weights();
      train(reads, quantization, "other model");
      assertThat(reads.names()).anyMatch(QuantizedReader::isQuantized);
    }
    Reads reads = weights();
    train(reads, quantizations().get(1), "model");
    assertThat(reads.names()).anyMatch(QuantizedReader::isQuantized);
  }

  @Test
  void aModelThatIsClosedAtOnceLeavesNothingHalfWritten() throws Exception {
    Quantization quantization = quantizations().getFirst();
    for (int i = 0; i < 5; i++) {
      load(weights(), quantization, "model " + i).close();
    }
    assertThat(folder.resolve("cache/partial")).isEmptyDirectory();
    assertThat(notices).isEmpty();
    train(weights(), quantization, "model");
  }

  private Map<String, float[]> train(
      WeightReader weights, Quantization quantization, String content) throws InterruptedException {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    List<Example> examples = RandomModel.examples(CONFIG.vocabularySize(), 9, 17, 5);
    try (DecoderModel model = load(weights, quantization, content);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 4, 1);
        AdapterTrainer trainer =
            new AdapterTrainer(
                kernels,
                model,
                adapter,
                Training.defaults(),
                new AdapterTrainer.Settings(
                    0, 1 << 20, new LearningRate(Schedule.CONSTANT, 1e-2, 0, 10), 1, false))) {
      model.awaitSaved();
      trainer.step(1, examples, () -> false);
      trainer.step(2, examples, () -> false);
      Map<String, float[]> trained = new TreeMap<>();
      for (Map.Entry<String, LoraAdapter.Matrix> entry : adapter.tensors().entrySet()) {
        trained.put(entry.getKey(), entry.getValue().values());
      }
      return trained;
    }
  }

  private DecoderModel load(Quantization quantization) {
    return load(weights(), quantization, "model");
  }

  private DecoderModel load(WeightReader weights, Quantization quantization, String content) {
    return ModelLoader.loadCached(
        TestEngine.kernels(ElementType.F32),
        CONFIG,
        weights,
        quantization,
        quantizedCache(content, quantization));
  }

  private QuantizedCache quantizedCache(String content, Quantization quantization) {
    return new QuantizedCache(
        cache, new QuantizedCache.Base(content, 2, "2.7.1"), quantization, notices::add);
  }

  private static Reads weights() {
    return new Reads(RandomModel.weights(CONFIG, SEED), new ConcurrentSkipListSet<>());
  }

  private Path file() throws IOException {
    try (Stream<Path> files = Files.list(cache.root().resolve("files"))) {
      return files.reduce((_, _) -> Path.of("two")).orElseThrow();
    }
  }

  private static void damage(Path file, int kind) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      switch (kind) {
        case 0 -> {
          open.seek(open.length() - 1);
          int last = open.read();
          open.seek(open.length() - 1);
          open.write(last ^ 1);
        }
        case 1 -> open.setLength(open.length() / 2);
        default -> open.setLength(0);
      }
    }
  }

  /** Notes which tensors are read. */
  private record Reads(WeightReader weights, ConcurrentSkipListSet<String> read)
      implements WeightReader {
    @Override
    public Set<String> names() {
      return new TreeSet<>(read);
    }

    @Override
    public long[] shape(String name) {
      return weights.shape(name);
    }

    @Override
    public void read(String name, FloatBuffer target) {
      read.add(name);
      weights.read(name, target);
    }

    @Override
    public void close() {
      weights.close();
    }
  }

  /** Gives the tensors of a weight in memory. */
  private record Stored(Nf4Weight weight, Map<String, String> filled) implements QuantizedSource {
    @Override
    public void copy(String name, Tensor bytes) {
      byte[] values = weight.kept().get(name).toBytes();
      TestEngine.engine().write(bytes, 0, values, values.length);
      filled.put(name, name);
    }

    @Override
    public void copyFloats(String name, Tensor floats) {
      TestEngine.engine().set(floats, weight.kept().get(name).toFloats());
      filled.put(name, name);
    }

    @Override
    public float number(String name) {
      return (float) weight.offset().orElseThrow();
    }
  }
}
