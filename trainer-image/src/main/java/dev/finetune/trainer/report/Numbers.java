package dev.finetune.trainer.report;

import java.time.Duration;
import java.util.Locale;

/** Numbers as people read them, the same on every machine. */
final class Numbers {
  private static final double MEBIBYTE = 1 << 20;

  private Numbers() {}

  static String loss(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }

  /** Returns a perplexity; those of a broken model have no use for all their digits. */
  static String perplexity(double loss) {
    double value = Math.exp(loss);
    return value < 10_000
        ? String.format(Locale.ROOT, value < 100 ? "%.2f" : "%.0f", value)
        : String.format(Locale.ROOT, "%.1e", value);
  }

  /** Returns a small number as people write learning rates, such as {@code 1.5e-4}. */
  static String rate(double value) {
    if (value == 0 || !Double.isFinite(value)) {
      return value == 0 ? "0" : String.valueOf(value);
    }
    int exponent = (int) Math.floor(Math.log10(Math.abs(value)) + 1e-9);
    String digits = String.format(Locale.ROOT, "%.2f", value / Math.pow(10, exponent));
    return digits.replaceFirst("\\.?0+$", "") + "e" + exponent;
  }

  /** Returns a multiple of a step with no more decimals than the step has. */
  static String tick(double value, double step) {
    if (step < 1e-3) {
      return Math.abs(value) < step / 2 ? "0" : rate(value);
    }
    int decimals = Math.max(0, -(int) Math.floor(Math.log10(step) + 1e-9));
    return String.format(Locale.ROOT, "%,." + decimals + "f", value);
  }

  /** Returns about three digits that count. */
  static String brief(double value) {
    double size = Math.abs(value);
    if (size == 0 || (size >= 1e-3 && size < 1e6)) {
      int decimals = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4;
      return String.format(Locale.ROOT, "%,." + decimals + "f", value);
    }
    return String.format(Locale.ROOT, "%.1e", value);
  }

  static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f\u00a0%%", 100 * share);
  }

  static String bytes(long bytes) {
    double mebibytes = bytes / MEBIBYTE;
    if (mebibytes < 10) {
      return String.format(Locale.ROOT, "%,.0f KiB", mebibytes * 1024);
    }
    return mebibytes < 10_000
        ? String.format(Locale.ROOT, "%,.0f MiB", mebibytes)
        : String.format(Locale.ROOT, "%,.1f GiB", mebibytes / 1024);
  }

  static String time(double seconds) {
    Duration time = Duration.ofMillis(Math.round(seconds * 1000));
    if (time.toHours() > 0) {
      return time.toHours() + " h " + time.toMinutesPart() + " min";
    }
    if (time.toMinutes() > 0) {
      return time.toMinutes() + " min " + time.toSecondsPart() + " s";
    }
    return String.format(Locale.ROOT, seconds < 10 ? "%.1f s" : "%.0f s", seconds);
  }
}
