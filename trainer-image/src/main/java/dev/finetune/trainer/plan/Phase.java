package dev.finetune.trainer.plan;

/** A part of a run. */
public enum Phase {
  /** Weights are read; adapter and optimizer are made. */
  LOADING("loading"),
  /** The held-out loss is measured: a forward pass without a tape. */
  EVALUATION("evaluation"),
  /** Forward pass of a micro-batch. */
  FORWARD("forward"),
  /** Logits of the supervised places, the loss and its gradient. */
  LOSS("loss"),
  /** Backward pass of a micro-batch. */
  BACKWARD("backward"),
  /** Clipping and update. */
  OPTIMIZER("optimizer");

  private final String text;

  Phase(String text) {
    this.text = text;
  }

  /** Returns the name for a person. */
  public String text() {
    return text;
  }
}
