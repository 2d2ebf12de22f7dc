package dev.finetune.trainer.progress;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.train.StepResult;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * The metrics of one optimizer step: one JSON line. All but speed and time are equal to the bit in
 * a run that was interrupted and one that was not.
 *
 * @param step optimizer step, from 1
 * @param loss nats per supervised token
 * @param learningRate rate of the update
 * @param gradientNorm L2 norm before clipping
 * @param tokens tokens of the global batch
 * @param supervisedTokens tokens that were learned
 * @param evalLoss held-out loss after the step, if it was measured
 * @param metrics what else was measured of held-out rows after the step, by name, if anything was
 * @param generalLoss loss of the general rows after the step, if it was measured
 * @param tokensPerSecond speed of the step
 * @param seconds time of the step
 */
@JsonPropertyOrder({
  "step",
  "loss",
  "learningRate",
  "gradientNorm",
  "tokens",
  "supervisedTokens",
  "evalLoss",
  "metrics",
  "generalLoss",
  "tokensPerSecond",
  "seconds"
})
public record Metrics(
    int step,
    double loss,
    double learningRate,
    double gradientNorm,
    int tokens,
    int supervisedTokens,
    @Nullable Double evalLoss,
    @Nullable SortedMap<String, Double> metrics,
    @Nullable Double generalLoss,
    double tokensPerSecond,
    double seconds) {
  /** Returns the metrics of a step that took this long. */
  public static Metrics of(StepResult result, double seconds) {
    return new Metrics(
        result.step(),
        result.loss(),
        result.learningRate(),
        result.gradientNorm(),
        result.tokens(),
        result.supervisedTokens(),
        null,
        null,
        null,
        result.tokens() / Math.max(seconds, 1e-9),
        seconds);
  }

  /** Returns these metrics with what was measured after the step. */
  public Metrics evaluated(EvaluationPoint point) {
    return new Metrics(
        step,
        loss,
        learningRate,
        gradientNorm,
        tokens,
        supervisedTokens,
        point.loss(),
        point.metrics().isEmpty() ? null : point.metrics(),
        point.generalLoss(),
        tokensPerSecond,
        seconds);
  }

  /** Returns the JSON without the line's end. */
  public String toJson() {
    return RunJson.writeLine(this);
  }
}
