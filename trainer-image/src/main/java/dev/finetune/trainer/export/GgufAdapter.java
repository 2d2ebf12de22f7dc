package dev.finetune.trainer.export;

import dev.finetune.api.spec.AdapterInit;
import dev.finetune.trainer.adapter.AdapterSettings;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.lora.AdapterLayout;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraTarget;
import dev.finetune.trainer.weights.BlockEncoder;
import dev.finetune.trainer.weights.GgufMetadata.Value;
import dev.finetune.trainer.weights.GgufWriter;
import dev.finetune.trainer.weights.SafetensorsReader;
import java.nio.file.Path;

/**
 * Writes an adapter as GGUF for llama.cpp's {@code --lora}. That scales every update by alpha over
 * its rank; where an adapter's own factor is another, as with rsLoRA, B takes up the difference.
 *
 * @param type F32 or F16
 */
public record GgufAdapter(BlockEncoder type) {
  /**
   * Writes a file.
   *
   * @param name of the base model, for the metadata and errors
   * @param adapter PEFT's {@code adapter_model.safetensors}
   * @throws UnsupportedModel if llama.cpp has no such adapter
   */
  public void write(
      String name,
      ModelConfig config,
      AdapterSettings settings,
      AdapterShape shape,
      Path adapter,
      Path target) {
    GgufModel.requireLlama(name, config);
    requireLowRankOnly(name, settings, shape);
    GgufWriter writer = new GgufWriter(config.architecture());
    writer
        .put("general.type", new Value.Text("adapter"))
        .put("general.name", new Value.Text(name + " adapter"))
        .put("adapter.type", new Value.Text("lora"))
        .put("adapter.lora.alpha", new Value.Real(settings.alpha()));
    try (SafetensorsReader tensors =
        AdapterFiles.open(adapter, AdapterLayout.of(shape).sections())) {
      for (LoraTarget layer : shape.targets()) {
        add(writer, config, settings.alpha(), layer, tensors);
      }
      writer.write(target);
    }
  }

  private static void requireLowRankOnly(
      String name, AdapterSettings settings, AdapterShape shape) {
    String kind =
        shape.decomposed()
            ? "DoRA"
            : settings.init() == AdapterInit.PISSA
                ? "PiSSA"
                : !shape.whole().isEmpty()
                    ? "modules that are trained whole"
                    : shape.targets().stream().anyMatch(LoraTarget::embedding)
                        ? "an update of the embedding"
                        : null;
    if (kind != null) {
      throw new UnsupportedModel(
          "%s: an adapter with %s cannot be written to GGUF by itself, write the merged model"
              .formatted(name, kind));
    }
  }

  private void add(
      GgufWriter writer,
      ModelConfig config,
      double alpha,
      LoraTarget layer,
      SafetensorsReader tensors) {
    String weight = layer.shape().name() + ".weight";
    String a = AdapterFiles.PREFIX + AdapterLayout.nameOfA(layer);
    String b = AdapterFiles.PREFIX + AdapterLayout.nameOfB(layer);
    int heads =
        !writer.pairs(weight)
            ? 0
            : weight.contains("k_proj") ? config.keyValueHeads() : config.attentionHeads();
    float factor = (float) (layer.scaling() * layer.rank() / alpha);
    writer.lowRank(weight, ".lora_a", type, tensors.shape(a), sink -> tensors.stream(a, sink), 0);
    writer.lowRank(
        weight,
        ".lora_b",
        type,
        tensors.shape(b),
        sink ->
            tensors.stream(
                b,
                (values, count) -> {
                  for (int i = 0; i < count; i++) {
                    values[i] *= factor;
                  }
                  sink.accept(values, count);
                }),
        heads);
  }
}
