package dev.finetune.trainer.chat;

/**
 * What one rendering may spend.
 *
 * @param steps operations
 * @param characters characters and items made or read
 */
record RenderBounds(long steps, long characters) {
  private static final long STEPS = 30_000;
  private static final long STEPS_PER_VALUE = 500;
  private static final long CHARACTERS = 1 << 20;
  private static final long CHARACTERS_PER_CHARACTER = 64;
  private static final long CHARACTERS_PER_VALUE = 256;

  /**
   * Returns the bounds for a conversation.
   *
   * @param values how many values it is made of
   * @param characters how many characters it has
   */
  static RenderBounds of(long values, long characters) {
    return new RenderBounds(
        STEPS + STEPS_PER_VALUE * values,
        CHARACTERS + CHARACTERS_PER_CHARACTER * characters + CHARACTERS_PER_VALUE * values);
  }
}
