package dev.finetune.trainer.basemodel;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How the modules of a decoder are called and what size its linear layers have.
 *
 * @param config the decoder
 */
public record DecoderLayout(ModelConfig config) {
  /**
   * A linear layer of a block.
   *
   * @param name its name within the block
   * @param bias whether it has one
   */
  public record Linear(String name, long in, long out, boolean bias) {}

  /**
   * Names of a block's norms within the block.
   *
   * @param input before attention
   * @param afterAttention after attention, before its input is added; or null
   * @param feedForward before the feed-forward half
   * @param afterFeedForward after that half, before its input is added; or null
   */
  public record BlockNorms(
      String input,
      @Nullable String afterAttention,
      String feedForward,
      @Nullable String afterFeedForward) {}

  /** Returns the name of the embedding. */
  public String embedding() {
    return gpt2() ? "transformer.wte" : "model.embed_tokens";
  }

  /** Returns the name of the vectors of positions, where there are any. */
  public String positions() {
    return "transformer.wpe";
  }

  /** Returns the name of the norm after the last block. */
  public String lastNorm() {
    return gpt2() ? "transformer.ln_f" : "model.norm";
  }

  /** Returns what the names of a block's modules begin with. */
  public String block(int layer) {
    return (gpt2() ? "transformer.h." : "model.layers.") + layer + ".";
  }

  /** Returns the groups of linear layers that share an input, in the order of the forward pass. */
  public List<List<Linear>> groups() {
    DecoderTraits traits = config.traits();
    DecoderTraits.Attention attention = traits.attention();
    long hidden = config.hiddenSize();
    long inner = config.intermediateSize();
    long query = config.queryWidth();
    long keyValue = config.keyValueWidth();
    boolean bias = traits.feedForward().bias();
    String output = gpt2() ? "attn.c_proj" : "self_attn.o_proj";
    String down = gpt2() ? "mlp.c_proj" : "mlp.down_proj";
    return List.of(
        attention.fused()
            ? List.of(
                new Linear(
                    gpt2() ? "attn.c_attn" : "self_attn.qkv_proj",
                    hidden,
                    query + 2 * keyValue,
                    attention.inputBias()))
            : List.of(
                new Linear("self_attn.q_proj", hidden, query, attention.inputBias()),
                new Linear("self_attn.k_proj", hidden, keyValue, attention.inputBias()),
                new Linear("self_attn.v_proj", hidden, keyValue, attention.inputBias())),
        List.of(new Linear(output, query, hidden, attention.outputBias())),
        intoFeedForward(hidden, inner, bias),
        List.of(new Linear(down, inner, hidden, bias)));
  }

  private List<Linear> intoFeedForward(long hidden, long inner, boolean bias) {
    DecoderTraits.FeedForward half = config.traits().feedForward();
    if (!half.gated()) {
      return List.of(new Linear(gpt2() ? "mlp.c_fc" : "mlp.up_proj", hidden, inner, bias));
    }
    return half.fused()
        ? List.of(new Linear("mlp.gate_up_proj", hidden, 2 * inner, bias))
        : List.of(
            new Linear("mlp.gate_proj", hidden, inner, bias),
            new Linear("mlp.up_proj", hidden, inner, bias));
  }

  /** Returns the names of a block's norms. */
  public BlockNorms norms() {
    if (gpt2()) {
      return new BlockNorms("ln_1", null, "ln_2", null);
    }
    return config.traits().norms().afterEach()
        ? new BlockNorms(
            "input_layernorm",
            "post_attention_layernorm",
            "pre_feedforward_layernorm",
            "post_feedforward_layernorm")
        : new BlockNorms("input_layernorm", null, "post_attention_layernorm", null);
  }

  /** Returns the name of the norm of each head of queries within a block. */
  public String queryNorm() {
    return "self_attn.q_norm";
  }

  /** Returns the name of the norm of each head of keys within a block. */
  public String keyNorm() {
    return "self_attn.k_norm";
  }

  /** Returns whether norms have a bias. */
  public boolean normBias() {
    return config.traits().norms().kind() == DecoderTraits.NormKind.LAYER;
  }

  private boolean gpt2() {
    return config.traits().naming() == DecoderTraits.Naming.GPT2;
  }
}
