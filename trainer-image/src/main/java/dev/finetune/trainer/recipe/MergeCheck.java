package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.merge.LogitComparison;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Measures how far a merged model is from its base model and adapter. Each model is in memory in
 * its turn; of the others only the logits of the prompts are.
 */
final class MergeCheck {
  private final AdapterOptions.Opened opened;
  private final Precision precision;
  private final List<int[]> prompts;
  private List<float[]> unmerged = List.of();
  private List<float[]> trained = List.of();

  /** In what models are compared. */
  enum Precision {
    FP32(ElementType.F32),
    BF16(ElementType.BF16),
    NONE(ElementType.F32);

    private final ElementType type;

    Precision(ElementType type) {
      this.type = type;
    }

    static Precision parse(String option, String text) {
      for (Precision value : values()) {
        if (value.text().equals(text)) {
          return value;
        }
      }
      throw new InvalidConfiguration(option + ": must be fp32, bf16 or none, was " + text);
    }

    String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  MergeCheck(AdapterOptions.Opened opened, Precision precision) {
    this.opened = opened;
    this.precision = precision;
    this.prompts = LogitComparison.prompts(opened.base().tokenizer());
  }

  /**
   * Computes the logits of base model and adapter.
   *
   * @param quantization how the base weights were kept while the adapter was trained, or null
   */
  void runUnmerged(@Nullable Quantization quantization) {
    if (precision == Precision.NONE) {
      return;
    }
    try (Engine engine = opened.engine(precision.type)) {
      Kernels kernels = new Kernels(engine, precision.type);
      unmerged = logits(kernels, null);
      if (quantization != null) {
        trained = logits(kernels, quantization);
      }
    }
  }

  private List<float[]> logits(Kernels kernels, @Nullable Quantization quantization) {
    try (AdaptedModel model =
        AdaptedModel.stored(
            kernels,
            opened.base(),
            AdaptedModel.modules(opened.base()),
            quantization,
            opened.config().settings(),
            opened.adapter(),
            null)) {
      return LogitComparison.logits(model.model(), model.adapter(), prompts);
    }
  }

  /** Returns lines that say how far the model in a folder is from what was computed before. */
  List<String> compare(Path merged, @Nullable Quantization quantization) {
    List<String> lines = new ArrayList<>();
    if (quantization != null) {
      lines.add(
          ("The adapter was trained beside base weights in %s%s; it was merged into the base"
                  + " model's own weights, which are not quantized.")
              .formatted(
                  quantization.type(),
                  quantization.doubleQuantization() ? " with double quantization" : ""));
    }
    if (precision == Precision.NONE) {
      lines.add("The merged model was not compared with base model and adapter (--check none).");
      return lines;
    }
    try (Engine engine = opened.engine(precision.type);
        BaseModel result = BaseModel.open(merged)) {
      Kernels kernels = new Kernels(engine, precision.type);
      try (DecoderModel model =
          ModelLoader.load(kernels, result.config(), result.weights(), null)) {
        List<float[]> logits = LogitComparison.logits(model, null, prompts);
        int vocabulary = result.config().vocabularySize();
        lines.add(line("base model and adapter", LogitComparison.of(unmerged, logits, vocabulary)));
        if (!trained.isEmpty()) {
          lines.add(line("the quantized model", LogitComparison.of(trained, logits, vocabulary)));
        }
      }
    }
    return lines;
  }

  private String line(String other, LogitComparison difference) {
    return String.format(
        Locale.ROOT,
        "Against %s, %d places of %d prompts in %s: largest logit difference %.4g (largest logit"
            + " %.4g), relative L2 %.3g, same likeliest token at %.1f %%",
        other,
        difference.places(),
        prompts.size(),
        precision.text(),
        difference.largest(),
        difference.largestLogit(),
        difference.relative(),
        100 * difference.sameChoice());
  }
}
