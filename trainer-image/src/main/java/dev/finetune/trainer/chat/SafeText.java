package dev.finetune.trainer.chat;

/** Text that the filter {@code safe} was used on; it can be printed and nothing else. */
record SafeText(String text) {
  @Override
  public String toString() {
    return text;
  }
}
