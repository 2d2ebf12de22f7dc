package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Which low-rank update an adapter is. */
public enum AdapterVariant {
  /** y = W x + (alpha / rank) B A x, arXiv 2106.09685. */
  @JsonProperty("LoRA")
  LORA
}
