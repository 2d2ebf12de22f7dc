package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What turns gradients into updates. */
public enum Optimizer {
  /** Adam with decoupled weight decay, arXiv 1711.05101; two 32-bit states for a parameter. */
  @JsonProperty("AdamW")
  ADAM_W,
  /** AdamW whose states are kept in 8 bits by blocks, arXiv 2110.02861. */
  @JsonProperty("AdamW8bit")
  ADAM_W_8BIT,
  /** Stochastic gradient descent, with momentum if that is set. */
  @JsonProperty("SGD")
  SGD,
  /** Adafactor, arXiv 1804.04235, with the given learning rate; states of rows and columns only. */
  @JsonProperty("Adafactor")
  ADAFACTOR
}
