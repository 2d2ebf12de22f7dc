package dev.finetune.trainer.recipe;

/** Is asked a number of times before it says yes: before each step, micro-batch and evaluation. */
final class StopAfter extends StopRequest {
  private int left;

  StopAfter(int questions) {
    super(false);
    left = questions;
  }

  @Override
  boolean requested() {
    return left-- <= 0;
  }
}
