package dev.finetune.trainer.weights;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Tensor names of GGUF's Llama and what the Hugging Face layout calls them. */
final class GgufNames {
  private static final Pattern BLOCK = Pattern.compile("blk\\.(\\d{1,4})\\.([a-z_]+)\\.weight");
  private static final Map<String, String> TOP =
      Map.of(
          "token_embd.weight", "model.embed_tokens.weight",
          "output_norm.weight", "model.norm.weight",
          "output.weight", "lm_head.weight");
  private static final Map<String, String> IN_BLOCK =
      Map.of(
          "attn_norm", "input_layernorm",
          "ffn_norm", "post_attention_layernorm",
          "attn_q", "self_attn.q_proj",
          "attn_k", "self_attn.k_proj",
          "attn_v", "self_attn.v_proj",
          "attn_output", "self_attn.o_proj",
          "ffn_gate", "mlp.gate_proj",
          "ffn_up", "mlp.up_proj",
          "ffn_down", "mlp.down_proj");

  private GgufNames() {}

  /** Returns the Hugging Face name; a name that it has none for stays as it is. */
  static String translate(String name) {
    String top = TOP.get(name);
    if (top != null) {
      return top;
    }
    Matcher block = BLOCK.matcher(name);
    if (!block.matches()) {
      return name;
    }
    String inner = IN_BLOCK.get(block.group(2));
    return inner == null
        ? name
        : "model.layers." + Integer.parseInt(block.group(1)) + "." + inner + ".weight";
  }
}
