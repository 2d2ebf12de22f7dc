package dev.finetune.trainer.evaluation;

import dev.finetune.api.run.EvaluationPoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The evaluations of a run in order, the one before training first. What it keeps is bounded, so
 * that checkpoints stay small: of many evaluations every other of the older ones goes, and answers
 * are kept of the first and the last few.
 *
 * @param points the evaluations, ascending by step
 */
public record EvaluationHistory(List<EvaluationPoint> points) {
  /** Evaluations that are kept at most. */
  public static final int MOST_POINTS = 1024;

  /** Newest evaluations whose answers are kept. */
  public static final int NEWEST_SAMPLES = 4;

  /** Copies the list. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public EvaluationHistory {
    points = points == null ? List.of() : List.copyOf(points);
  }

  /** Returns the history of a run that has measured nothing. */
  public static EvaluationHistory empty() {
    return new EvaluationHistory(List.of());
  }

  /** Returns the history with one evaluation more. */
  public EvaluationHistory with(EvaluationPoint point) {
    List<EvaluationPoint> kept = new ArrayList<>(points);
    kept.add(point);
    if (kept.size() > MOST_POINTS) {
      kept = thinned(kept);
    }
    int last = kept.size() - NEWEST_SAMPLES;
    for (int i = 1; i < last; i++) {
      kept.set(i, kept.get(i).withoutSamples());
    }
    return new EvaluationHistory(kept);
  }

  /** Keeps the first, every other one of the older half, and the newer half. */
  private static List<EvaluationPoint> thinned(List<EvaluationPoint> points) {
    List<EvaluationPoint> kept = new ArrayList<>();
    for (int i = 0; i < points.size(); i++) {
      if (i % 2 == 0 || i >= points.size() / 2) {
        kept.add(points.get(i));
      }
    }
    return kept;
  }

  /** Returns the evaluation before training, if there was one. */
  public Optional<EvaluationPoint> before() {
    return points.stream().filter(point -> point.step() == 0).findFirst();
  }

  /** Returns the newest evaluation. */
  public Optional<EvaluationPoint> newest() {
    return points.isEmpty() ? Optional.empty() : Optional.of(points.getLast());
  }

  /** Returns the evaluation of a step, if it is kept. */
  public Optional<EvaluationPoint> at(int step) {
    return points.stream().filter(point -> point.step() == step).findFirst();
  }

  /** Returns what the held-out losses show. */
  public Trend trend() {
    return Trend.of(points);
  }
}
