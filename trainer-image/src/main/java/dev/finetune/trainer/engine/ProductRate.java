package dev.finetune.trainer.engine;

/** The machine's own limit: how fast it multiplies large matrices, which is most of a step. */
public final class ProductRate {
  /** Width at which the rate is close to its peak and one product takes some milliseconds. */
  public static final int BRIEF = 1024;

  /** Width for a benchmark, which can wait. */
  public static final int THOROUGH = 2048;

  private static final long TIME_LIMIT = 300_000_000;
  private static final int PRODUCTS = 6;

  private ProductRate() {}

  /**
   * Returns the floating-point operations a second, a multiplication and an addition being two, of
   * the fastest of a few products in the type of activations. It takes well below a second.
   *
   * @param width rows and columns of both matrices
   */
  public static double measure(Kernels kernels, int width) {
    try (Scope scope = new Scope()) {
      Tensor ones = kernels.engine().zeros(scope, width, width);
      kernels.fill(ones, 1);
      Tensor x = kernels.toActivations(scope, ones);
      // The first product also pays for the library's buffers and for threads to wake up.
      long best = time(kernels, x);
      long spent = best;
      for (int i = 1; i < PRODUCTS && spent < TIME_LIMIT; i++) {
        long time = time(kernels, x);
        best = Math.min(best, time);
        spent += time;
      }
      return 2.0 * width * width * width / Math.max(1, best) * 1e9;
    }
  }

  private static long time(Kernels kernels, Tensor x) {
    kernels.engine().finish();
    try (Scope scope = new Scope()) {
      long start = System.nanoTime();
      kernels.linear(scope, x, x);
      kernels.engine().finish();
      return System.nanoTime() - start;
    }
  }
}
