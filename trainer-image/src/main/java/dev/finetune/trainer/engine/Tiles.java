package dev.finetune.trainer.engine;

/**
 * How much kernels work on at a time, so that what they need beside their results is bounded. The
 * memory plan reads the same numbers.
 */
public final class Tiles {
  /** Numbers that stay in the processor's cache. */
  public static final long NUMBERS = 1 << 18;

  /** Queries of one product of attention; measured on processors with AVX-512. */
  public static final int QUERIES = 128;

  private static final long LOGIT_BYTES = 32 << 20;

  private Tiles() {}

  /** Returns rows of logits that exist at a time: enough for a fast product, about 32 MiB. */
  public static long logitRows(ElementType type, long vocabulary) {
    long rows = LOGIT_BYTES / (vocabulary * type.bytes());
    return Math.clamp(rows / 32 * 32, 32, 256);
  }

  /** Returns rows of logits whose probabilities stay in the processor's cache. */
  public static long probabilityRows(long vocabulary) {
    return Math.clamp(NUMBERS / vocabulary, 1, 256);
  }
}
