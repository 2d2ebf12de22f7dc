package dev.finetune.trainer.chaos;

/** How much a test does: little in {@code make test}, a lot with {@code -Dchaos=long}. */
final class ChaosMode {
  private ChaosMode() {}

  static boolean isLong() {
    return System.getProperty("chaos", "short").equals("long");
  }

  /** Returns a number that a system property may set, with a default for each mode. */
  static int number(String property, int ifShort, int ifLong) {
    return Integer.getInteger(property, isLong() ? ifLong : ifShort);
  }

  /** Returns the seed of what is random; {@code -Dchaos.seed} repeats a run. */
  static long seed() {
    return Long.getLong("chaos.seed", System.nanoTime() & 0xffff_ffffL);
  }
}
