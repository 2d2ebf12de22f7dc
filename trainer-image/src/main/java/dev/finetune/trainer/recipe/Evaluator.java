package dev.finetune.trainer.recipe;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.run.Sample;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Metric;
import dev.finetune.trainer.evaluation.MetricNames;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.generate.GreedyGenerator;
import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.train.Evaluated;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Measures a model during its run: the loss and metrics of held-out rows, the loss of general rows,
 * and what it answers to prompts. It changes nothing that training depends on.
 */
final class Evaluator {
  private final FineTuneJobSpec spec;
  private final Session session;
  private final SampleAnswers samples;
  private @Nullable Measured measured;
  private int measuredStep;

  /**
   * Makes one.
   *
   * @throws InvalidConfiguration if a job asks for what cannot be measured, naming the field
   */
  Evaluator(FineTuneJobSpec spec, Session session) {
    this.spec = spec;
    this.session = session;
    if (spec.training().evalEverySteps() != null && session.heldOut().isEmpty()) {
      throw new InvalidConfiguration(
          "spec.training.evalEverySteps: needs held-out rows, but the data set holds out none");
    }
    this.samples =
        SampleAnswers.of(spec, session.tokenizer(), session.model().config().maxPositions());
  }

  /** Returns whether there is anything to measure before and after training. */
  boolean measures() {
    return !session.heldOut().isEmpty() || !session.general().heldOut().isEmpty();
  }

  /** Returns whether an evaluation belongs to a step. */
  boolean isDue(int step) {
    Integer every = spec.training().evalEverySteps();
    return every != null && step % every == 0;
  }

  /**
   * Measures the model as it is now.
   *
   * @param step optimizer steps completed
   * @param trainLoss mean training loss since the last evaluation, or null
   * @param stop asked before each micro-batch and each prompt
   * @return empty if {@code stop} said so
   */
  Optional<EvaluationPoint> measure(int step, @Nullable Double trainLoss, BooleanSupplier stop) {
    Evaluated heldOut = null;
    if (!session.heldOut().isEmpty()) {
      Optional<Evaluated> evaluated = session.trainer().evaluate(session.heldOut(), stop);
      if (evaluated.isEmpty()) {
        return Optional.empty();
      }
      heldOut = evaluated.get();
      measured = heldOut.measured();
      measuredStep = step;
    }
    Double general = null;
    if (!session.general().heldOut().isEmpty()) {
      Optional<Evaluated> evaluated =
          session.trainer().evaluateText(session.general().heldOut(), stop);
      if (evaluated.isEmpty()) {
        return Optional.empty();
      }
      general = evaluated.get().loss();
    }
    List<Sample> answers = null;
    if (!samples.isEmpty()) {
      Optional<List<Sample>> answered =
          samples.answer(
              new GreedyGenerator(session.kernels(), session.model(), session.adapter()),
              session.tokenizer(),
              stop);
      if (answered.isEmpty()) {
        return Optional.empty();
      }
      answers = answered.get();
    }
    return Optional.of(
        new EvaluationPoint(
            step,
            trainLoss,
            heldOut == null ? null : heldOut.loss(),
            metrics(heldOut),
            general,
            answers,
            null));
  }

  /** Returns all that held-out rows told of the model of a step, null unless it was the last. */
  @Nullable Measured measured(int step) {
    return step == measuredStep ? measured : null;
  }

  private static SortedMap<String, Double> metrics(@Nullable Evaluated heldOut) {
    SortedMap<String, Double> named = new TreeMap<>();
    if (heldOut != null) {
      heldOut
          .metrics()
          .forEach(
              (metric, value) -> {
                if (metric != Metric.LOSS) {
                  named.put(MetricNames.of(metric), value);
                }
              });
    }
    return named;
  }
}
