package dev.finetune.trainer.report;

import java.util.ArrayList;
import java.util.List;

/**
 * A linear axis from one round number to another.
 *
 * @param low lowest value
 * @param high highest value, above the lowest
 * @param step distance of ticks
 */
record Axis(double low, double high, double step) {
  /** Returns an axis with about so many ticks that has room for two values and all between. */
  static Axis of(double low, double high, int ticks) {
    double least = Math.max(Math.abs(low), Math.abs(high)) * 1e-6;
    double width = Math.max(high - low, Math.max(least, 1e-12));
    double raw = width / ticks;
    double power = Math.pow(10, Math.floor(Math.log10(raw)));
    double digit = raw / power;
    double step = power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
    double from = Math.floor(low / step) * step;
    double to = Math.ceil(high / step) * step;
    return new Axis(from, to > from ? to : from + step, step);
  }

  /** Returns an axis of whole numbers that begins and ends with two of them. */
  static Axis ofSteps(double low, double high, int ticks) {
    Axis round = of(low, high, ticks);
    return new Axis(low, high > low ? high : low + 1, Math.max(1, round.step));
  }

  /** Returns where a value lies, 0 at the low end and 1 at the high one. */
  double place(double value) {
    return (value - low) / (high - low);
  }

  /** Returns the multiples of the step on this axis. */
  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    long first = (long) Math.ceil(low / step - 1e-9);
    long last = (long) Math.floor(high / step + 1e-9);
    for (long i = first; i <= last && ticks.size() < 100; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }
}
