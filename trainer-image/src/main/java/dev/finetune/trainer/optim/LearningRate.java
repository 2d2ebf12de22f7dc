package dev.finetune.trainer.optim;

import dev.finetune.api.spec.DecayShape;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.ScheduleOptions;
import dev.finetune.trainer.failure.InvalidConfiguration;
import org.jspecify.annotations.Nullable;

/**
 * The learning rate of each optimizer step: a rise over the warm-up, then the schedule. The
 * formulas are those of transformers' {@code get_scheduler}, also past the end of the run.
 *
 * @param schedule shape after the warm-up
 * @param peak highest rate
 * @param warmupSteps steps of the rise
 * @param totalSteps steps of the run
 * @param options what shapes the schedule; options of other schedules are not looked at
 */
public record LearningRate(
    Schedule schedule, double peak, int warmupSteps, int totalSteps, ScheduleOptions options) {
  private static final double HALF_A_WAVE = 0.5;
  private static final double LEAST_RATIO_OF_COSINE = 0.1;
  private static final int TIMESCALE_WITHOUT_WARMUP = 10_000;

  /**
   * Checks that the fall of {@code warmupStableDecay} fits behind its warm-up.
   *
   * @throws InvalidConfiguration if it does not
   */
  public LearningRate {
    Integer decay = options.decaySteps();
    int most = Math.max(0, totalSteps - warmupSteps);
    if (schedule == Schedule.WARMUP_STABLE_DECAY && decay != null && decay > most) {
      throw new InvalidConfiguration(
          "spec.training.scheduleOptions.decaySteps: must be at most %d, the steps after the warm-up, was %d"
              .formatted(most, decay));
    }
  }

  /** Makes one without options. */
  public LearningRate(Schedule schedule, double peak, int warmupSteps, int totalSteps) {
    this(schedule, peak, warmupSteps, totalSteps, ScheduleOptions.none());
  }

  /** Returns what {@code reduceOnPlateau} starts with, or null for every other schedule. */
  public @Nullable Plateau plateau() {
    return schedule == Schedule.REDUCE_ON_PLATEAU ? Plateau.start(peak) : null;
  }

  /** Returns the rate of a step, counted from 0; the first step of a warm-up has rate 0. */
  public double at(int step) {
    return at(step, plateau());
  }

  /**
   * Returns the rate of a step, counted from 0.
   *
   * @param plateau what {@code reduceOnPlateau} has seen so far, null for every other schedule
   */
  public double at(int step, @Nullable Plateau plateau) {
    return (plateau == null ? peak : plateau.learningRate()) * factor(step);
  }

  private double factor(int step) {
    if (step < warmupSteps) {
      return rise((double) step / warmupSteps);
    }
    double done = (double) (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
    return switch (schedule) {
      case CONSTANT, CONSTANT_WITH_WARMUP, REDUCE_ON_PLATEAU -> 1;
      case LINEAR ->
          Math.max(0, (double) (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
      case COSINE -> Math.max(0, cosine(done));
      case COSINE_WITH_RESTARTS -> restarts(done);
      case COSINE_WITH_MIN_LR ->
          Math.max(
              0,
              above(orElse(options.minLearningRateRatio(), LEAST_RATIO_OF_COSINE), cosine(done)));
      case POLYNOMIAL -> polynomial(step);
      case INVERSE_SQRT -> inverseSqrt(step);
      case WARMUP_STABLE_DECAY -> stableDecay(step);
    };
  }

  private double rise(double done) {
    if (schedule != Schedule.WARMUP_STABLE_DECAY) {
      return done;
    }
    DecayShape shape = options.warmupShape();
    double factor =
        switch (shape == null ? DecayShape.LINEAR : shape) {
          case LINEAR -> done;
          case COSINE -> 0.5 * (1 - Math.cos(Math.PI * done));
          case ONE_MINUS_SQRT -> 1 - Math.sqrt(1 - done);
        };
    return above(leastRatio(), factor);
  }

  private double cosine(double done) {
    double waves = orElse(options.cycles(), HALF_A_WAVE);
    return 0.5 * (1 + Math.cos(Math.PI * waves * 2 * done));
  }

  private double restarts(double done) {
    double falls = orElse(options.cycles(), 1);
    return done >= 1 ? 0 : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (falls * done % 1))));
  }

  private double polynomial(int step) {
    double end = orElse(options.endLearningRate(), ScheduleOptions.END_LEARNING_RATE);
    if (step >= totalSteps) {
      return end / peak;
    }
    double left = 1 - (double) (step - warmupSteps) / (totalSteps - warmupSteps);
    return ((peak - end) * Math.pow(left, orElse(options.power(), 1)) + end) / peak;
  }

  private double inverseSqrt(int step) {
    Integer chosen = options.timescale();
    double timescale =
        chosen != null ? chosen : warmupSteps > 0 ? warmupSteps : TIMESCALE_WITHOUT_WARMUP;
    return 1 / Math.sqrt((step + timescale - warmupSteps) / timescale);
  }

  private double stableDecay(int step) {
    int decaySteps = decaySteps();
    int start = totalSteps - decaySteps;
    if (step < start) {
      return 1;
    }
    if (step >= totalSteps) {
      return leastRatio();
    }
    double done = (double) (step - start) / decaySteps;
    DecayShape shape = options.decayShape();
    double factor =
        switch (shape == null ? DecayShape.COSINE : shape) {
          case LINEAR -> 1 - done;
          case COSINE -> 0.5 * (1 + Math.cos(Math.PI * done));
          case ONE_MINUS_SQRT -> 1 - Math.sqrt(done);
        };
    return above(leastRatio(), factor);
  }

  private int decaySteps() {
    Integer decay = options.decaySteps();
    return decay != null
        ? decay
        : Math.min((totalSteps + 9) / 10, Math.max(0, totalSteps - warmupSteps));
  }

  private double leastRatio() {
    return orElse(options.minLearningRateRatio(), 0);
  }

  /** Squeezes a factor of 0 to 1 to one of {@code least} to 1. */
  private static double above(double least, double factor) {
    return factor * (1 - least) + least;
  }

  private static double orElse(@Nullable Double value, double other) {
    return value == null ? other : value;
  }
}
