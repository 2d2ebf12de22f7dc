package dev.finetune.trainer.basemodel;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * A family of models, and what its configuration means where a field is absent: the defaults of
 * transformers.
 */
enum Family {
  LLAMA("llama", "LlamaForCausalLM", new Defaults(0, 0, 1e-6, false, 10_000, 2048)),
  MISTRAL("mistral", "MistralForCausalLM", new Defaults(0, 8, 1e-6, false, 10_000, 131_072)),
  QWEN2("qwen2", "Qwen2ForCausalLM", new Defaults(0, 32, 1e-6, false, 10_000, 32_768)),
  QWEN3("qwen3", "Qwen3ForCausalLM", new Defaults(128, 32, 1e-6, false, 10_000, 32_768)),
  GEMMA("gemma", "GemmaForCausalLM", new Defaults(256, 16, 1e-6, true, 10_000, 8192)),
  GEMMA2("gemma2", "Gemma2ForCausalLM", new Defaults(256, 4, 1e-6, true, 10_000, 8192)),
  GEMMA3("gemma3_text", "Gemma3ForCausalLM", new Defaults(256, 4, 1e-6, true, 1e6, 131_072)),
  PHI3("phi3", "Phi3ForCausalLM", new Defaults(0, 0, 1e-5, false, 10_000, 4096)),
  SMOLLM3("smollm3", "SmolLM3ForCausalLM", new Defaults(0, 4, 1e-6, true, 2e6, 32_768)),
  GPT2("gpt2", "GPT2LMHeadModel", new Defaults(0, 0, 1e-5, true, 10_000, 1024));

  private final String type;
  private final String architecture;
  private final Defaults defaults;

  /**
   * What absent fields mean.
   *
   * @param headSize 0 for the hidden size over the number of heads
   * @param keyValueHeads 0 for the number of heads
   */
  record Defaults(
      int headSize,
      int keyValueHeads,
      double normEpsilon,
      boolean tiedEmbeddings,
      double ropeTheta,
      int maxPositions) {}

  Family(String type, String architecture, Defaults defaults) {
    this.type = type;
    this.architecture = architecture;
    this.defaults = defaults;
  }

  /** Returns the {@code model_type} of configurations. */
  String type() {
    return type;
  }

  /** Returns the class of transformers. */
  String architecture() {
    return architecture;
  }

  Defaults defaults() {
    return defaults;
  }

  /** Returns whether it is one of the Gemma family. */
  boolean gemma() {
    return this == GEMMA || this == GEMMA2 || this == GEMMA3;
  }

  /** Returns all types, for messages. */
  static String types() {
    return Arrays.stream(values()).map(Family::type).collect(Collectors.joining(", "));
  }

  /** Returns all classes, for messages. */
  static String architectures() {
    return Arrays.stream(values()).map(Family::architecture).collect(Collectors.joining(", "));
  }
}
