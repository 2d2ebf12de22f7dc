package dev.finetune.trainer.evaluation;

import dev.finetune.api.run.EvaluationPoint;
import java.util.List;

/**
 * What training and held-out loss show together. A pure function of the evaluations, so that the
 * run and its report say the same.
 *
 * <p>The held-out loss has risen if the newest is above the least by more than 1 % of it, or, as
 * evaluations of few rows are noisy, if each of the last three is above the least by any amount and
 * their mean by half of that. It is flat if the last three evaluations have lowered the least by
 * less than 0.5 %.
 *
 * @param kind what it is
 * @param sinceStep step of the least held-out loss
 */
public record Trend(Kind kind, int sinceStep) {
  private static final double RISE = 0.01;
  private static final double FALL = 0.005;
  private static final int RECENT = 3;

  /** Kinds of trend. */
  public enum Kind {
    /** Too few evaluations to say. */
    UNKNOWN,
    /** The held-out loss falls. */
    IMPROVING,
    /** The held-out loss neither falls nor rises. */
    FLAT,
    /** The held-out loss rises while the training loss falls. */
    OVERFITTING,
    /** Both rise. */
    WORSENING
  }

  /**
   * Returns what evaluations show.
   *
   * @param points ascending by step; those without a held-out loss do not count
   */
  public static Trend of(List<EvaluationPoint> points) {
    List<EvaluationPoint> measured =
        points.stream()
            .filter(point -> point.loss() != null && Double.isFinite(point.loss()))
            .toList();
    if (measured.size() < 2) {
      return new Trend(Kind.UNKNOWN, 0);
    }
    int best = least(measured, measured.size());
    int step = measured.get(best).step();
    if (hasRisen(measured, best)) {
      return new Trend(trainingRises(measured, best) ? Kind.WORSENING : Kind.OVERFITTING, step);
    }
    return new Trend(isFlat(measured) ? Kind.FLAT : Kind.IMPROVING, step);
  }

  /** Returns the place of the least loss among the first so many, of equal ones the first. */
  private static int least(List<EvaluationPoint> points, int count) {
    int best = 0;
    for (int i = 1; i < count; i++) {
      if (loss(points.get(i)) < loss(points.get(best))) {
        best = i;
      }
    }
    return best;
  }

  private static boolean hasRisen(List<EvaluationPoint> points, int best) {
    double least = loss(points.get(best));
    if (loss(points.getLast()) > least + RISE * Math.abs(least)) {
      return true;
    }
    if (points.size() - 1 - best < RECENT) {
      return false;
    }
    double mean =
        points.subList(points.size() - RECENT, points.size()).stream()
            .mapToDouble(Trend::loss)
            .average()
            .orElseThrow();
    boolean all =
        points.subList(points.size() - RECENT, points.size()).stream()
            .allMatch(point -> loss(point) > least);
    return all && mean > least + RISE / 2 * Math.abs(least);
  }

  /** Compares the training loss now with that around the least held-out loss. */
  private static boolean trainingRises(List<EvaluationPoint> points, int best) {
    Double then = points.get(best).trainLoss();
    Double now = points.getLast().trainLoss();
    return then != null && now != null && now > then;
  }

  private static boolean isFlat(List<EvaluationPoint> points) {
    if (points.size() <= RECENT) {
      return false;
    }
    double before = loss(points.get(least(points, points.size() - RECENT)));
    double now = loss(points.get(least(points, points.size())));
    return before - now < FALL * Math.abs(before);
  }

  private static double loss(EvaluationPoint point) {
    Double loss = point.loss();
    return loss == null ? Double.NaN : loss;
  }

  /** Returns it for people, without a full stop. */
  public String words() {
    return switch (kind) {
      case UNKNOWN -> "too few evaluations to say more";
      case IMPROVING -> "still improving";
      case FLAT -> "flat: the held-out loss hardly changes";
      case OVERFITTING -> "overfitting since step " + sinceStep;
      case WORSENING ->
          "getting worse since step "
              + sinceStep
              + ", the training loss too: the learning rate may be too high";
    };
  }
}
