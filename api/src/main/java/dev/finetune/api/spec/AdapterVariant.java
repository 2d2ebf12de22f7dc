package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Which low-rank update an adapter is. */
public enum AdapterVariant {
  /** y = W x + (alpha / rank) B A x, arXiv 2106.09685. */
  @JsonProperty("LoRA")
  LORA,
  /** Scaled by alpha / sqrt(rank), arXiv 2312.03732. */
  @JsonProperty("rsLoRA")
  RS_LORA,
  /**
   * The direction of the weight is updated by LoRA, its magnitude by a vector, arXiv 2402.09353.
   */
  @JsonProperty("DoRA")
  DORA
}
