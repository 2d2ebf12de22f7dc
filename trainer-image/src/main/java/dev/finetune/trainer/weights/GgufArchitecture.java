package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnsupportedModel;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What GGUF calls the tensors of a family of models, and in which two ways their values differ from
 * those of the Hugging Face layout. Mistral and SmolLM2 are {@code llama} there.
 */
enum GgufArchitecture {
  /** Rows of queries and keys lie in pairs, as Llama's own rotation wants them. */
  LLAMA(true, false, Names.PLAIN),
  QWEN2(false, false, Names.PLAIN),
  QWEN3(false, false, Names.PLAIN),
  /** One is added to every norm, which Gemma's layout leaves to the program. */
  GEMMA(false, true, Names.PLAIN),
  GEMMA2(false, true, Names.FOUR_NORMS),
  GEMMA3(false, true, Names.FOUR_NORMS),
  PHI3(false, false, Names.FUSED);

  private static final Pattern BLOCK =
      Pattern.compile("blk\\.(\\d{1,4})\\.([a-z_]+)\\.(weight|bias)");
  private static final Pattern LAYER =
      Pattern.compile("model\\.layers\\.(\\d{1,4})\\.([a-z_.]+)\\.(weight|bias)");
  private static final Map<String, String> TOP =
      Map.of(
          "token_embd.weight", "model.embed_tokens.weight",
          "output_norm.weight", "model.norm.weight",
          "output.weight", "lm_head.weight");

  private final boolean pairedRows;
  private final boolean offsetNorms;
  private final Map<String, String> names;

  /** Names within a block, without the ending. */
  private static final class Names {
    private static final Map<String, String> PLAIN =
        Map.ofEntries(
            Map.entry("attn_norm", "input_layernorm"),
            Map.entry("ffn_norm", "post_attention_layernorm"),
            Map.entry("attn_q", "self_attn.q_proj"),
            Map.entry("attn_k", "self_attn.k_proj"),
            Map.entry("attn_v", "self_attn.v_proj"),
            Map.entry("attn_q_norm", "self_attn.q_norm"),
            Map.entry("attn_k_norm", "self_attn.k_norm"),
            Map.entry("attn_output", "self_attn.o_proj"),
            Map.entry("ffn_gate", "mlp.gate_proj"),
            Map.entry("ffn_up", "mlp.up_proj"),
            Map.entry("ffn_down", "mlp.down_proj"));
    private static final Map<String, String> FOUR_NORMS =
        with(
            Map.of(
                "post_attention_norm", "post_attention_layernorm",
                "ffn_norm", "pre_feedforward_layernorm",
                "post_ffw_norm", "post_feedforward_layernorm"));
    private static final Map<String, String> FUSED =
        with(Map.of("attn_qkv", "self_attn.qkv_proj", "ffn_up", "mlp.gate_up_proj"));

    private static Map<String, String> with(Map<String, String> others) {
      Map<String, String> names = new HashMap<>(PLAIN);
      names.putAll(others);
      return Map.copyOf(names);
    }
  }

  GgufArchitecture(boolean pairedRows, boolean offsetNorms, Map<String, String> names) {
    this.pairedRows = pairedRows;
    this.offsetNorms = offsetNorms;
    this.names = names;
  }

  /**
   * Returns the architecture that a file names.
   *
   * @throws UnsupportedModel if its tensors have no known names
   */
  static GgufArchitecture named(String source, String name) {
    for (GgufArchitecture architecture : values()) {
      if (architecture.key().equals(name)) {
        return architecture;
      }
    }
    throw new UnsupportedModel(
        "%s: architecture '%s' is not supported, use %s"
            .formatted(
                source,
                name,
                Arrays.stream(values())
                    .map(GgufArchitecture::key)
                    .collect(Collectors.joining(", "))));
  }

  /** Returns its name in files, which its metadata keys begin with. */
  String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the Hugging Face name; a name that it has none for stays as it is. */
  String translate(String name) {
    String top = TOP.get(name);
    if (top != null) {
      return top;
    }
    Matcher block = BLOCK.matcher(name);
    if (!block.matches()) {
      return name;
    }
    String inner = names.get(block.group(2));
    return inner == null
        ? name
        : "model.layers.%d.%s.%s"
            .formatted(Integer.parseInt(block.group(1)), inner, block.group(3));
  }

  /**
   * Returns the name in files of a tensor of the Hugging Face layout.
   *
   * @throws UnsupportedModel if there is none
   */
  String fileName(String name) {
    for (Map.Entry<String, String> top : TOP.entrySet()) {
      if (top.getValue().equals(name)) {
        return top.getKey();
      }
    }
    Matcher layer = LAYER.matcher(name);
    if (layer.matches()) {
      for (Map.Entry<String, String> inner : names.entrySet()) {
        if (inner.getValue().equals(layer.group(2))) {
          return "blk.%s.%s.%s".formatted(layer.group(1), inner.getKey(), layer.group(3));
        }
      }
    }
    throw new UnsupportedModel(
        "tensor '%s' has no name in GGUF of architecture %s".formatted(name, key()));
  }

  /** Returns whether the rows of a tensor lie in pairs, given its Hugging Face name. */
  boolean pairedQuery(String name) {
    return pairedRows && inLayer(name, "self_attn.q_proj");
  }

  /** Returns whether the rows of a tensor lie in pairs, given its Hugging Face name. */
  boolean pairedKey(String name) {
    return pairedRows && inLayer(name, "self_attn.k_proj");
  }

  private static boolean inLayer(String name, String module) {
    Matcher layer = LAYER.matcher(name);
    return layer.matches() && layer.group(2).equals(module);
  }

  /** Returns whether one was added to a tensor, given its Hugging Face name. */
  boolean offsetNorm(String name) {
    return offsetNorms && name.endsWith("norm.weight");
  }
}
