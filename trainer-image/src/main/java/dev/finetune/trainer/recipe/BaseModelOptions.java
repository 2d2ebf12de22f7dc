package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.AdapterInit;
import dev.finetune.api.spec.Precision;
import dev.finetune.api.spec.Storage;
import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.adapter.AdapterSettings;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.loss.Objective;
import dev.finetune.trainer.merge.MergedWeights;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.rows.Columns;
import dev.finetune.trainer.rows.RowSource;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.storage.StorageSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options by which commands other than {@code run} name a model and an adapter. */
final class BaseModelOptions {
  private static final Pattern SCHEME = Pattern.compile("(file|s3|pvc|hf):");

  @Option(
      names = "--model",
      required = true,
      paramLabel = "URI",
      description =
          "The base model, a URI or a path: a folder in the Hugging Face layout or a .gguf file.")
  private String model = "";

  @Option(
      names = "--adapter",
      paramLabel = "URI",
      description =
          "Folder of an adapter, a URI or a path; without it the base model alone is used.")
  private @Nullable String adapter;

  @Option(
      names = "--precision",
      paramLabel = "auto|fp32|bf16",
      description = "Data type of weights and products. Default: auto.")
  private String precision = "auto";

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of a product. Default: all processors.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Mixin private DeviceOption device = new DeviceOption();

  /**
   * A model and perhaps an adapter in memory.
   *
   * @param place folder or file of the model on disk
   * @param classifier what the adapter predicts, or null for language modelling
   */
  record Loaded(
      Path place,
      Engine engine,
      BaseModel base,
      Kernels kernels,
      DecoderModel model,
      @Nullable LoraAdapter adapter,
      @Nullable Classifier classifier)
      implements AutoCloseable {
    /** Returns the loss of what the adapter was trained to do. */
    Objective objective() {
      return classifier == null || adapter == null
          ? model.loss(adapter)
          : model.headLoss(adapter, classifier.problem());
    }

    @Override
    public void close() {
      if (adapter != null) {
        adapter.close();
      }
      model.close();
      base.close();
      engine.close();
    }
  }

  /**
   * Brings both to the disk and loads them.
   *
   * @param sources closed after what is loaded
   * @throws InvalidConfiguration if the adapter is that of a classifier
   */
  Loaded load(Sources sources) {
    Loaded loaded = loadAny(sources);
    Classifier classifier = loaded.classifier();
    if (classifier != null) {
      loaded.close();
      throw new InvalidConfiguration(
          "--adapter: must be one of CAUSAL_LM, was one of " + classifier.labels().task());
    }
    return loaded;
  }

  /**
   * Brings both to the disk and loads them, whatever the adapter was trained to do.
   *
   * @param sources closed after what is loaded
   */
  Loaded loadAny(Sources sources) {
    Path folder = fetchModel(sources, "--model", model);
    BaseModel base = BaseModel.open(folder);
    Compute compute = Compute.of(device.choice(System.getenv()), Engine::findGpu);
    ElementType type = Resolved.elementType(compute.precision(parsedPrecision()));
    Engine engine = compute.start(threads, type);
    Kernels kernels = new Kernels(engine, type);
    if (adapter == null) {
      return new Loaded(
          folder,
          engine,
          base,
          kernels,
          ModelLoader.load(kernels, base.config(), base.weights(), null),
          null,
          null);
    }
    Path adapterFolder = fetch(sources, "--adapter", adapter);
    AdapterConfig config = AdapterConfig.read(adapterFolder.resolve(AdapterFiles.CONFIG));
    Classifier classifier = Classifier.stored(config.task(), adapterFolder);
    ModelModules modules = AdaptedModel.modules(base);
    AdaptedModel adapted =
        AdaptedModel.stored(
            kernels,
            base,
            classifier == null ? modules : classifier.modules(modules),
            null,
            config.settings(),
            adapterFolder,
            null);
    return new Loaded(
        folder, engine, base, kernels, adapted.model(), adapted.adapter(), classifier);
  }

  /**
   * Brings both to the disk and loads them, the adapter merged into the weights: a token by token
   * pass is then several times as fast, to the rounding of the weights. PiSSA's adapters, which
   * begin at other weights, stay beside them.
   *
   * @throws InvalidConfiguration if the adapter is that of a classifier
   * @param sources closed after what is loaded
   */
  Loaded loadMerged(Sources sources) {
    if (adapter == null) {
      return load(sources);
    }
    Path adapterFolder = fetch(sources, "--adapter", adapter);
    AdapterConfig config = AdapterConfig.read(adapterFolder.resolve(AdapterFiles.CONFIG));
    AdapterSettings settings = config.settings();
    if (settings.init() == AdapterInit.PISSA
        || Classifier.stored(config.task(), adapterFolder) != null) {
      return load(sources);
    }
    Path folder = fetchModel(sources, "--model", model);
    BaseModel base = BaseModel.open(folder);
    Compute compute = Compute.of(device.choice(System.getenv()), Engine::findGpu);
    ElementType type = Resolved.elementType(compute.precision(parsedPrecision()));
    Engine engine = compute.start(threads, type);
    Kernels kernels = new Kernels(engine, type);
    AdapterShape shape = settings.shape(AdaptedModel.modules(base));
    Path file = adapterFolder.resolve(AdapterFiles.WEIGHTS);
    try (MergedWeights weights = MergedWeights.open(base.weights(), shape, file, null)) {
      DecoderModel merged = ModelLoader.load(kernels, base.config(), weights, null);
      return new Loaded(folder, engine, base, kernels, merged, null, null);
    }
  }

  /** Brings the adapter to the disk and returns its folder; null if there is none. */
  @Nullable Path adapterFolder(Sources sources) {
    return adapter == null ? null : fetch(sources, "--adapter", adapter);
  }

  private Precision parsedPrecision() {
    for (Precision value : Precision.values()) {
      if (value.name().toLowerCase(Locale.ROOT).equals(precision)) {
        return value;
      }
    }
    throw new InvalidConfiguration("--precision: must be auto, fp32 or bf16, was " + precision);
  }

  /**
   * Returns what brings files to the disk; the caller closes it.
   *
   * @param notices takes what is wrong with the cache
   */
  static Sources sources(Consumer<String> notices) {
    Map<String, String> variables = System.getenv();
    return new Sources(new Environment(variables).cache(), variables, notices);
  }

  /**
   * Brings a file or folder to the disk, with S3 settings from the environment.
   *
   * @param place a URI, or a path
   */
  static Path fetch(Sources sources, String option, String place) {
    String uri = uri(place);
    return sources.fetch(option, uri, settings(uri)).path();
  }

  /** Brings a model to the disk, as {@link #fetch} does, also from the Hub. */
  static Path fetchModel(Sources sources, String option, String place) {
    String uri = uri(place);
    return sources.fetchModel(option, uri, null, settings(uri), null).path();
  }

  /** Brings files of rows to the disk, as {@link #fetch} does, also from the Hub. */
  static RowSource fetchRows(Sources sources, String option, String place) {
    String uri = uri(place);
    List<Path> files = sources.fetchRows(option, uri, settings(uri), null).files();
    String name = files.size() == 1 ? files.getFirst().toString() : place;
    return new RowSource(name, files, Columns.AS_WRITTEN);
  }

  private static String uri(String place) {
    return SCHEME.matcher(place).lookingAt() ? place : "file:" + place;
  }

  private static StorageSettings settings(String uri) {
    Map<String, String> variables = System.getenv();
    Storage anywhere = new Storage(uri, null, region(variables), null, null, null);
    return StorageSettings.of(anywhere, variables);
  }

  private static String region(Map<String, String> variables) {
    return variables.getOrDefault("AWS_REGION", "us-east-1");
  }
}
