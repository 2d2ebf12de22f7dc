package dev.finetune.trainer.evaluation;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.spec.Delivered;
import dev.finetune.api.spec.Evaluation;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Forgetting;
import dev.finetune.api.spec.Metric;
import dev.finetune.api.spec.OnForgetting;
import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * How evaluations are compared, when training stops because of them, and whether the adapter of the
 * best one is delivered instead of the last.
 *
 * @param metric what is compared
 * @param patience evaluations without a better one after which training stops, or null
 * @param minDelta by how much an evaluation must be better to count
 * @param deliver which adapter is delivered
 * @param maxLossIncrease how much the loss on general rows may grow, or null
 * @param onExceeded what is done when it grows more
 */
public record EvaluationPolicy(
    Metric metric,
    @Nullable Integer patience,
    double minDelta,
    Delivered deliver,
    @Nullable Double maxLossIncrease,
    OnForgetting onExceeded) {
  /**
   * Returns what a job asks for. One that says nothing of evaluations delivers the last adapter.
   *
   * @throws InvalidConfiguration if what it asks for does not go together, naming the field
   */
  public static EvaluationPolicy of(FineTuneJobSpec spec) {
    Evaluation evaluation = spec.evaluation();
    Forgetting forgetting = spec.forgetting();
    Double limit = forgetting == null ? null : forgetting.maxLossIncrease();
    OnForgetting onExceeded =
        forgetting == null || limit == null ? OnForgetting.REPORT : forgetting.onExceeded();
    boolean selects = onExceeded != OnForgetting.REPORT;
    if (selects && spec.training().evalEverySteps() == null) {
      throw new InvalidConfiguration(
          "spec.forgetting.onExceeded: needs spec.training.evalEverySteps to choose among"
              + " evaluations");
    }
    if (selects && evaluation != null && evaluation.deliver() == Delivered.LAST) {
      throw new InvalidConfiguration(
          "spec.evaluation.deliver: must be best where spec.forgetting.onExceeded chooses an"
              + " adapter, was last");
    }
    Delivered unsaid = selects ? Delivered.BEST : Delivered.LAST;
    return new EvaluationPolicy(
        evaluation == null ? Metric.LOSS : evaluation.metric(),
        evaluation == null ? null : evaluation.patience(),
        evaluation == null ? 0 : evaluation.minDelta(),
        evaluation == null ? unsaid : evaluation.deliver(),
        limit,
        onExceeded);
  }

  /**
   * Checks that the first evaluation measured what evaluations are to be compared by.
   *
   * @throws InvalidConfiguration if it did not
   */
  public void require(EvaluationPoint first) {
    if (metric != Metric.LOSS && !first.metrics().containsKey(MetricNames.of(metric))) {
      TreeSet<String> names = new TreeSet<>(first.metrics().keySet());
      names.add(MetricNames.of(Metric.LOSS));
      throw new InvalidConfiguration(
          "spec.evaluation.metric: must be measured of this task, which has %s, was %s"
              .formatted(String.join(", ", names), MetricNames.of(metric)));
    }
  }

  /** Returns by what an evaluation is compared, less is better; empty if that is not a number. */
  public Optional<Double> score(EvaluationPoint point) {
    Double value =
        metric == Metric.LOSS ? point.loss() : point.metrics().get(MetricNames.of(metric));
    if (value == null || !Double.isFinite(value)) {
      return Optional.empty();
    }
    return Optional.of(metric == Metric.LOSS ? value : Double.valueOf(-value));
  }

  /** Returns by what its checkpoint is compared, null where the held-out loss does that. */
  public @Nullable Double checkpointScore(@Nullable EvaluationPoint point) {
    return point == null || metric == Metric.LOSS ? null : score(point).orElse(null);
  }

  /**
   * Returns where a run stands after an evaluation.
   *
   * @param before the evaluation before training, or null
   */
  public Standing after(
      Standing standing, EvaluationPoint point, @Nullable EvaluationPoint before) {
    boolean exceeded = exceeds(point, before);
    Integer exceededStep =
        standing.exceededStep() == null && exceeded
            ? Integer.valueOf(point.step())
            : standing.exceededStep();
    Double score = score(point).orElse(null);
    Double best = standing.bestScore();
    boolean allowed = !exceeded || onExceeded == OnForgetting.REPORT;
    if (allowed && score != null && (best == null || score < best - minDelta)) {
      return new Standing(point.withoutSamples(), score, 0, exceededStep);
    }
    return new Standing(standing.best(), best, standing.withoutBetter() + 1, exceededStep);
  }

  /** Returns whether the loss on general rows has grown more than it may. */
  public boolean exceeds(EvaluationPoint point, @Nullable EvaluationPoint before) {
    Double now = point.generalLoss();
    Double then = before == null ? null : before.generalLoss();
    return maxLossIncrease != null
        && now != null
        && then != null
        && !(now - then <= maxLossIncrease);
  }

  /** Returns why training stops before its last step, or empty if it does not. */
  public Optional<String> stop(Standing standing) {
    if (onExceeded == OnForgetting.STOP && standing.exceededStep() != null) {
      return Optional.of(
          String.format(
              Locale.ROOT, "the loss on general rows has grown by more than %s", maxLossIncrease));
    }
    if (patience != null && standing.withoutBetter() >= patience) {
      return Optional.of(
          standing.withoutBetter() + " evaluations in a row were not better than the best");
    }
    return Optional.empty();
  }

  /**
   * Returns the step whose adapter is delivered.
   *
   * @param last last step of the run
   * @throws InvalidConfiguration if none is within the limit on general rows
   */
  public int delivered(Standing standing, int last) {
    if (deliver == Delivered.LAST) {
      return last;
    }
    Integer best = standing.bestStep();
    if (best != null) {
      return best;
    }
    if (onExceeded != OnForgetting.REPORT && standing.exceededStep() != null) {
      throw new InvalidConfiguration(
          ("spec.forgetting.maxLossIncrease: no evaluation was within %s nats per token, the first"
                  + " beyond it was of step %d; allow more, evaluate more often, learn at a lower"
                  + " rate, or replay general rows")
              .formatted(maxLossIncrease, standing.exceededStep()));
    }
    return last;
  }
}
