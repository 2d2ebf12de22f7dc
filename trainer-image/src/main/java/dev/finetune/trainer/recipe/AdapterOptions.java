package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.AdapterInit;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.PrincipalComponents;
import dev.finetune.trainer.merge.BaseChange;
import dev.finetune.trainer.merge.MergedWeights;
import dev.finetune.trainer.source.Sources;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options by which a command names a base model and the adapter that it works on. */
final class AdapterOptions {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "URI",
      description =
          "The base model, a URI or a path: a folder in the Hugging Face layout or a .gguf file.")
  private String model = "";

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "URI",
      description = "Folder of the adapter, a URI or a path.")
  private String adapter = "";

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of a product. Default: all processors.")
  private int threads = Runtime.getRuntime().availableProcessors();

  /** Brings both to the disk and opens them; the caller closes the result. */
  Opened open(Sources sources) {
    Path place = BaseModelOptions.fetchModel(sources, "--model", model);
    Path folder = BaseModelOptions.fetch(sources, "--adapter", adapter);
    AdapterConfig config = AdapterConfig.read(folder.resolve(AdapterFiles.CONFIG));
    if (config.task() != Task.CAUSAL_LM) {
      throw new InvalidConfiguration(
          "--adapter: must be one of CAUSAL_LM, was one of " + config.task());
    }
    return new Opened(place, BaseModel.open(place), folder, config, threads);
  }

  /**
   * A base model and an adapter on disk.
   *
   * @param place folder or file of the base model
   * @param adapter folder of the adapter
   */
  record Opened(Path place, BaseModel base, Path adapter, AdapterConfig config, int threads)
      implements AutoCloseable {
    AdapterShape shape() {
      return config.settings().shape(AdaptedModel.modules(base));
    }

    /** Returns the engine that the models are computed with, on the processors; to be closed. */
    Engine engine(ElementType type) {
      return new Compute(null).start(threads, type);
    }

    /** Does something with the merged weights. */
    void mergeWith(Consumer<MergedWeights> use) {
      if (config.settings().init() != AdapterInit.PISSA) {
        mergeWith(null, use);
        return;
      }
      try (Engine engine = engine(ElementType.F32)) {
        Kernels kernels = new Kernels(engine, ElementType.F32);
        PrincipalComponents components = new PrincipalComponents(kernels, shape());
        mergeWith(
            (linear, weight, rows, columns) -> {
              try (Scope scope = new Scope()) {
                Tensor original = engine.floats(scope, weight, rows, columns);
                return components.rest(scope, linear, original).toFloats();
              }
            },
            use);
      }
    }

    private void mergeWith(@Nullable BaseChange change, Consumer<MergedWeights> use) {
      Path file = adapter.resolve(AdapterFiles.WEIGHTS);
      try (MergedWeights weights = MergedWeights.open(base.weights(), shape(), file, change)) {
        use.accept(weights);
      }
    }

    @Override
    public void close() {
      base.close();
    }
  }
}
