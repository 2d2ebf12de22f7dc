package dev.finetune.trainer.random;

/**
 * Random numbers as a pure function of a key and a counter, so that there is no generator whose
 * state would have to be saved: what is drawn does not depend on what was drawn before.
 *
 * <p>The function is SplitMix64 (Steele, Lea and Flood, 2014) at position {@code counter} of the
 * stream that starts at the key.
 */
public final class CounterRandom {
  private static final long GOLDEN_GAMMA = 0x9e3779b97f4a7c15L;

  private CounterRandom() {}

  /** Returns a key that depends on every part and on their order. */
  public static long key(long... parts) {
    long key = 0;
    for (long part : parts) {
      key = mix(key + GOLDEN_GAMMA + mix(part));
    }
    return key;
  }

  /** Returns 64 random bits. */
  public static long bits(long key, long counter) {
    return mix(key + (counter + 1) * GOLDEN_GAMMA);
  }

  /** Returns a number from 0 (inclusive) to 1 (exclusive), of 53 bits. */
  public static double uniform(long key, long counter) {
    return (bits(key, counter) >>> 11) * 0x1.0p-53;
  }

  /**
   * Returns a number of the standard normal distribution, by the method of Box and Muller of two
   * uniform ones. Strict functions, so that it is the same on every machine.
   */
  public static double normal(long key, long counter) {
    double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - uniform(key, 2 * counter)));
    return radius * StrictMath.cos(2 * Math.PI * uniform(key, 2 * counter + 1));
  }

  private static long mix(long z) {
    long a = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    long b = (a ^ (a >>> 27)) * 0x94d049bb133111ebL;
    return b ^ (b >>> 31);
  }
}
