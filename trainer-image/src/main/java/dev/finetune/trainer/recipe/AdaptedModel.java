package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.AdapterInit;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.adapter.AdapterSettings;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.lora.PrincipalComponents;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.model.QuantizedCache;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A base model in memory and the adapter that some settings describe.
 *
 * @param components what was taken out of the base weights, for adapters that begin as PiSSA
 */
record AdaptedModel(
    DecoderModel model, LoraAdapter adapter, @Nullable PrincipalComponents components)
    implements AutoCloseable {
  /** Returns the modules of a base model that is not loaded yet. */
  static ModelModules modules(BaseModel base) {
    return ModelModules.of(DecoderTensors.shapes(base.config()), base.config().layers());
  }

  /**
   * Loads a model and makes an adapter.
   *
   * @param modules the model's, with a head if there is one
   * @param quantization how linear layers are kept, or null
   * @param seed seed of the adapter's first numbers
   * @param cache of quantized weights, or null
   */
  static AdaptedModel fresh(
      Kernels kernels,
      BaseModel base,
      ModelModules modules,
      @Nullable Quantization quantization,
      AdapterSettings settings,
      long seed,
      @Nullable QuantizedCache cache) {
    AdaptedModel adapted = load(kernels, base, modules, quantization, settings, cache);
    return adapted.afterwards(() -> adapted.initialize(settings, seed));
  }

  /**
   * Loads a model and an adapter.
   *
   * @param folder the adapter's files
   * @param cache of quantized weights, or null
   */
  static AdaptedModel stored(
      Kernels kernels,
      BaseModel base,
      ModelModules modules,
      @Nullable Quantization quantization,
      AdapterSettings settings,
      Path folder,
      @Nullable QuantizedCache cache) {
    AdaptedModel adapted = load(kernels, base, modules, quantization, settings, cache);
    Path file = folder.resolve(AdapterFiles.WEIGHTS);
    return adapted.afterwards(() -> AdapterFiles.restore(file, adapted.adapter()));
  }

  private static AdaptedModel load(
      Kernels kernels,
      BaseModel base,
      ModelModules modules,
      @Nullable Quantization quantization,
      AdapterSettings settings,
      @Nullable QuantizedCache cache) {
    AdapterShape shape = settings.shape(modules);
    PrincipalComponents components =
        settings.init() == AdapterInit.PISSA ? new PrincipalComponents(kernels, shape) : null;
    // PiSSA quantizes other weights than those of the base model.
    DecoderModel model =
        components == null && quantization != null && cache != null
            ? ModelLoader.loadCached(kernels, base.config(), base.weights(), quantization, cache)
            : ModelLoader.load(
                kernels,
                base.config(),
                base.weights(),
                quantization,
                components == null ? null : components::rest);
    boolean made = false;
    try {
      AdaptedModel adapted = new AdaptedModel(model, new LoraAdapter(kernels, shape), components);
      made = true;
      return adapted;
    } finally {
      if (!made) {
        model.close();
      }
    }
  }

  private void initialize(AdapterSettings settings, long seed) {
    if (components != null) {
      Map<String, float[]> tensors = new HashMap<>();
      adapter.tensors().forEach((name, matrix) -> tensors.put(name, matrix.values()));
      tensors.putAll(components.matrices());
      adapter.setTensors(tensors);
    } else if (settings.init() == AdapterInit.GAUSSIAN) {
      adapter.initializeGaussian(seed);
    } else {
      adapter.initialize(seed);
    }
    model.initialize(adapter);
    adapter.initializeScore(seed);
  }

  private AdaptedModel afterwards(Runnable step) {
    boolean done = false;
    try {
      step.run();
      done = true;
      return this;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  @Override
  public void close() {
    adapter.close();
    model.close();
  }
}
