package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * Data type of base weights and of matrix products. Adapters and optimizer states are always fp32.
 */
public enum Precision {
  /** bf16 where the processor or GPU has instructions for it, else fp32. */
  @JsonProperty("auto")
  AUTO,
  /** 32-bit floating point. */
  @JsonProperty("fp32")
  FP32,
  /** bfloat16. */
  @JsonProperty("bf16")
  BF16
}
