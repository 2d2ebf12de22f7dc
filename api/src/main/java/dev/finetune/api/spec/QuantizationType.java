package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How frozen base weights are stored. */
public enum QuantizationType {
  /** 4-bit NormalFloat of QLoRA, arXiv 2305.14314. */
  @JsonProperty("NF4")
  NF4
}
