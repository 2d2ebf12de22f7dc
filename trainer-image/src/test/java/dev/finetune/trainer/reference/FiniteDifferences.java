package dev.finetune.trainer.reference;

import java.util.Random;

/** Gradients by central differences in double precision, which are exact to about nine digits. */
public final class FiniteDifferences {
  private static final double STEP = 1e-5;

  private FiniteDifferences() {}

  /** A number that depends on some arrays. */
  @FunctionalInterface
  public interface Scalar {
    /** Computes it. */
    double of(double[]... inputs);
  }

  /** An array that depends on some arrays. */
  @FunctionalInterface
  public interface Vector {
    /** Computes it. */
    double[] of(double[]... inputs);
  }

  /** Returns the gradient of a number to one of its inputs. */
  public static double[] gradient(Scalar function, int which, double[]... inputs) {
    double[] x = inputs[which];
    double[] gradient = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double value = x[i];
      x[i] = value + STEP;
      double above = function.of(inputs);
      x[i] = value - STEP;
      double below = function.of(inputs);
      x[i] = value;
      gradient[i] = (above - below) / (2 * STEP);
    }
    return gradient;
  }

  /** Returns the gradient to one input if {@code g} is the gradient to the output. */
  public static double[] gradient(Vector function, double[] g, int which, double[]... inputs) {
    return gradient((double[]... x) -> dot(g, function.of(x)), which, inputs);
  }

  /** Returns the slope of a number along a direction in one of its inputs. */
  public static double slope(Scalar function, double[] direction, int which, double[]... inputs) {
    double[][] above = inputs.clone();
    double[][] below = inputs.clone();
    above[which] = moved(inputs[which], direction, STEP);
    below[which] = moved(inputs[which], direction, -STEP);
    return (function.of(above) - function.of(below)) / (2 * STEP);
  }

  private static double[] moved(double[] x, double[] direction, double step) {
    double[] moved = x.clone();
    for (int i = 0; i < x.length; i++) {
      moved[i] += step * direction[i];
    }
    return moved;
  }

  /** Returns the sum of products. */
  public static double dot(double[] x, double[] y) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += x[i] * y[i];
    }
    return sum;
  }

  /** Returns normal random numbers. */
  public static float[] normal(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Widens numbers. */
  public static double[] wide(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  /**
   * Returns how far numbers are from the expected ones: the L2 norm of the difference in proportion
   * to that of the expected, or to {@code floor} for each if that is more.
   */
  public static double distance(float[] actual, double[] expected, double floor) {
    if (actual.length != expected.length) {
      throw new IllegalArgumentException(
          "expected " + expected.length + " numbers, found " + actual.length);
    }
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(actual[i] - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / Math.max(norm, floor * floor * expected.length));
  }
}
