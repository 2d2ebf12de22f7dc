package dev.finetune.trainer.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.UnsupportedModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GgufArchitectureTest {
  @ParameterizedTest
  @CsvSource({
    "llama, blk.3.attn_q.weight, model.layers.3.self_attn.q_proj.weight",
    "llama, blk.12.ffn_norm.weight, model.layers.12.post_attention_layernorm.weight",
    "qwen2, blk.0.attn_k.bias, model.layers.0.self_attn.k_proj.bias",
    "qwen3, blk.0.attn_q_norm.weight, model.layers.0.self_attn.q_norm.weight",
    "gemma, blk.0.ffn_norm.weight, model.layers.0.post_attention_layernorm.weight",
    "gemma2, blk.0.ffn_norm.weight, model.layers.0.pre_feedforward_layernorm.weight",
    "gemma2, blk.0.post_attention_norm.weight, model.layers.0.post_attention_layernorm.weight",
    "gemma3, blk.0.post_ffw_norm.weight, model.layers.0.post_feedforward_layernorm.weight",
    "phi3, blk.0.attn_qkv.weight, model.layers.0.self_attn.qkv_proj.weight",
    "phi3, blk.0.ffn_up.weight, model.layers.0.mlp.gate_up_proj.weight",
    "phi3, output.weight, lm_head.weight",
    "llama, rope_freqs.weight, rope_freqs.weight",
    "llama, blk.0.attn_q.scale, blk.0.attn_q.scale",
  })
  void translatesNames(String architecture, String name, String expected) {
    assertThat(GgufArchitecture.named("a.gguf", architecture).translate(name)).isEqualTo(expected);
  }

  @Test
  void putsRowsInPairsForLlamaAlone() {
    String query = "model.layers.0.self_attn.q_proj.weight";
    assertThat(GgufArchitecture.LLAMA.pairedQuery(query)).isTrue();
    assertThat(GgufArchitecture.LLAMA.pairedQuery(query.replace("weight", "bias"))).isTrue();
    assertThat(GgufArchitecture.LLAMA.pairedKey(query)).isFalse();
    assertThat(GgufArchitecture.QWEN2.pairedQuery(query)).isFalse();
  }

  @Test
  void addsOneToNormsOfGemmaAlone() {
    String norm = "model.layers.0.input_layernorm.weight";
    assertThat(GgufArchitecture.GEMMA2.offsetNorm(norm)).isTrue();
    assertThat(GgufArchitecture.GEMMA2.offsetNorm("model.norm.weight")).isTrue();
    assertThat(GgufArchitecture.GEMMA2.offsetNorm("model.embed_tokens.weight")).isFalse();
    assertThat(GgufArchitecture.LLAMA.offsetNorm(norm)).isFalse();
  }

  @Test
  void namesThoseThatItKnows() {
    assertThatThrownBy(() -> GgufArchitecture.named("a.gguf", "falcon"))
        .isInstanceOf(UnsupportedModel.class)
        .hasMessage(
            "a.gguf: architecture 'falcon' is not supported, use llama, qwen2, qwen3, gemma, gemma2, gemma3, phi3");
  }
}
