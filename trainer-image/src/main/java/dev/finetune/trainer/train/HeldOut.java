package dev.finetune.trainer.train;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.Diverged;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.Objective;
import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.Tape;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Measures examples that are not trained on, without dropout.
 *
 * @param adapter the update, or null for the base model alone
 * @param objective of the model with this adapter
 */
public record HeldOut(
    Kernels kernels, DecoderModel model, @Nullable LoraAdapter adapter, Objective objective) {
  /**
   * Measures examples.
   *
   * @param examples with at least one term of the objective
   * @param tokenBudget most tokens of a micro-batch
   * @param stop asked before each micro-batch
   * @return empty if {@code stop} said so
   * @throws Diverged if a loss is not finite
   */
  public Optional<Evaluated> measure(
      List<Example> examples, int tokenBudget, BooleanSupplier stop) {
    Objective.Measurement measurement = objective.measurement();
    double sum = 0;
    long terms = 0;
    for (List<Example> part : MicroBatches.cut(examples, tokenBudget)) {
      if (stop.getAsBoolean()) {
        return Optional.empty();
      }
      MicroBatch batch = MicroBatch.of(part);
      int[] termExamples = objective.termExamples(batch);
      if (termExamples.length == 0) {
        continue;
      }
      try (DecoderModel.Forward forward = model.forward(batch, adapter, null, Tape.discarding())) {
        sum += sum(termExamples, measurement.add(forward.hidden(), batch));
      }
      terms += termExamples.length;
    }
    if (terms == 0) {
      throw new IllegalArgumentException("expected at least one term of the objective");
    }
    Measured measured = measurement.result();
    return Optional.of(new Evaluated(sum / terms, measured.values(), measured));
  }

  private static double sum(int[] termExamples, float[] values) {
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new Diverged("the held-out loss of example " + termExamples[i] + " is not finite");
      }
      sum += values[i];
    }
    return sum;
  }
}
