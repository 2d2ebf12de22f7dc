package dev.finetune.trainer.basemodel;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.basemodel.DecoderTraits.Layer;
import dev.finetune.trainer.basemodel.DecoderTraits.Positions;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * In what a {@code config.json} differs from Llama's, by its family.
 *
 * @param layers number of blocks
 */
record FamilyFields(JsonFields fields, Family family, int layers) {
  private static final int WINDOW = 4096;
  private static final int FIRST_WINDOW_LAYER = 28;
  private static final int GEMMA3_PATTERN = 6;
  private static final int SMOLLM3_INTERVAL = 4;
  private static final double GEMMA_SCALAR = 256;
  private static final double GEMMA2_SCORE_CAP = 50;
  private static final double GEMMA2_LOGIT_CAP = 30;

  DecoderTraits traits(int hiddenSize) {
    boolean gemma = family.gemma();
    boolean capped = family == Family.GEMMA2;
    return new DecoderTraits(
        DecoderTraits.Naming.LLAMA,
        attention(),
        new DecoderTraits.FeedForward(activation(), true, family == Family.PHI3, bias("mlp_bias")),
        new DecoderTraits.Norms(
            DecoderTraits.NormKind.ROOT_MEAN_SQUARE,
            gemma,
            family == Family.GEMMA2 || family == Family.GEMMA3),
        new DecoderTraits.Embeddings(gemma ? Math.sqrt(hiddenSize) : 1, false),
        gemma ? cap("final_logit_softcapping", capped ? GEMMA2_LOGIT_CAP : 0) : 0);
  }

  private DecoderTraits.Attention attention() {
    boolean scalar = family == Family.GEMMA2 || family == Family.GEMMA3;
    RopeFields rope = new RopeFields(fields, family);
    return new DecoderTraits.Attention(
        family == Family.PHI3,
        family == Family.QWEN2 || bias("attention_bias"),
        bias("attention_bias"),
        family == Family.QWEN3 || family == Family.GEMMA3,
        scalar ? fields.doubleOr("query_pre_attn_scalar", GEMMA_SCALAR) : 0,
        scalar ? cap("attn_logit_softcapping", family == Family.GEMMA2 ? GEMMA2_SCORE_CAP : 0) : 0,
        rope.share(),
        family == Family.GEMMA3 ? rope.localTheta() : 10_000,
        kinds());
  }

  /** Absent means the default, null means none. */
  private double cap(String name, double absent) {
    return fields.names(name) ? fields.doubleOr(name, 0) : absent;
  }

  private boolean bias(String name) {
    return switch (family) {
      case LLAMA, SMOLLM3 -> fields.booleanOr(name, false);
      case QWEN3, GEMMA, GEMMA2, GEMMA3 ->
          name.equals("attention_bias") && fields.booleanOr(name, false);
      case MISTRAL, QWEN2, PHI3, GPT2 -> false;
    };
  }

  private DecoderTraits.Activation activation() {
    String name = fields.text("hidden_act");
    if (family.gemma()) {
      String newer = fields.text("hidden_activation");
      name = newer == null ? name : newer;
      if (name != null && !name.equals("gelu_pytorch_tanh") && !name.equals("gelu_new")) {
        throw unsupported(newer == null ? "hidden_act" : "hidden_activation", name);
      }
      return DecoderTraits.Activation.GELU_TANH;
    }
    if (name != null && !name.equals("silu")) {
      throw unsupported("hidden_act", name);
    }
    return DecoderTraits.Activation.SILU;
  }

  private List<Layer> kinds() {
    return switch (family) {
      case LLAMA, GEMMA, GPT2 -> List.of();
      case MISTRAL -> everywhere(fields.names("sliding_window") ? window(0) : WINDOW);
      case PHI3 -> everywhere(window(0));
      case QWEN2, QWEN3 -> {
        int first = fields.intOr("max_window_layers", FIRST_WINDOW_LAYER);
        yield fields.booleanOr("use_sliding_window", false)
            ? sliding(window(WINDOW), layer -> layer >= first, Positions.ROTARY)
            : List.of();
      }
      case GEMMA2 -> sliding(window(WINDOW), layer -> layer % 2 == 0, Positions.ROTARY);
      case GEMMA3 -> {
        int pattern =
            fields.intOr(
                "sliding_window_pattern", fields.intOr("_sliding_window_pattern", GEMMA3_PATTERN));
        yield sliding(
            window(WINDOW),
            layer -> (layer + 1) % Math.max(1, pattern) != 0,
            Positions.LOCAL_ROTARY);
      }
      case SMOLLM3 -> smolLm3();
    };
  }

  private int window(int absent) {
    int window = fields.intOr("sliding_window", absent);
    if (window < 0 || (window == 0 && fields.has("sliding_window"))) {
      throw new UnreadableData(
          fields.source() + ": sliding_window must be at least 1, was " + window);
    }
    return window;
  }

  private List<Layer> everywhere(int window) {
    return DecoderTraits.Attention.windows(layers, window);
  }

  private List<Layer> sliding(int window, IntPredicate slides, Positions positions) {
    List<Layer> kinds = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      boolean here = slides(layer, slides);
      kinds.add(here && window > 0 ? new Layer(window, positions) : Layer.FULL);
    }
    return kinds;
  }

  private List<Layer> smolLm3() {
    boolean windows = fields.booleanOr("use_sliding_window", false) && fields.has("sliding_window");
    int interval = Math.max(1, fields.intOr("no_rope_layer_interval", SMOLLM3_INTERVAL));
    JsonNode given = list("no_rope_layers");
    List<Layer> kinds = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      boolean rotates =
          given == null ? (layer + 1) % interval != 0 : given.path(layer).asInt() != 0;
      boolean slides = windows && slides(layer, _ -> !rotates);
      kinds.add(new Layer(slides ? window(0) : 0, rotates ? Positions.ROTARY : Positions.NONE));
    }
    return kinds;
  }

  /** Returns what {@code layer_types} says of a block, or else the rule. */
  private boolean slides(int layer, IntPredicate rule) {
    JsonNode types = list("layer_types");
    if (types == null) {
      return rule.test(layer);
    }
    String type = types.path(layer).asText();
    return switch (type) {
      case "sliding_attention" -> true;
      case "full_attention" -> false;
      default -> throw unsupported("layer_types", "'" + type + "'");
    };
  }

  private @Nullable JsonNode list(String name) {
    JsonNode list = fields.node(name);
    if (list != null && (!list.isArray() || list.size() != layers)) {
      throw fields.wrongType(name, "a list with an entry for each of " + layers + " layers", list);
    }
    return list;
  }

  private UnsupportedModel unsupported(String field, String value) {
    return new UnsupportedModel(
        "%s: %s %s is not supported".formatted(fields.source(), field, value));
  }
}
