package dev.finetune.trainer.train;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.Diverged;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.MicroBatch;
import dev.finetune.trainer.model.Tape;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** The loss of examples that are not trained on. */
public final class HeldOutLoss {
  private HeldOutLoss() {}

  /**
   * Returns the mean loss in nats per supervised token.
   *
   * @param adapter the update, or null for the base model alone
   * @param examples with at least one supervised token
   * @param tokenBudget most tokens of a micro-batch
   * @param stop asked before each micro-batch
   * @return empty if {@code stop} said so
   * @throws Diverged if a loss is not finite
   */
  public static OptionalDouble of(
      Kernels kernels,
      DecoderModel model,
      @Nullable LoraAdapter adapter,
      List<Example> examples,
      int tokenBudget,
      BooleanSupplier stop) {
    CausalCrossEntropy loss = model.loss(adapter);
    double sum = 0;
    long supervised = 0;
    for (List<Example> part : MicroBatches.cut(examples, tokenBudget)) {
      if (stop.getAsBoolean()) {
        return OptionalDouble.empty();
      }
      MicroBatch batch = MicroBatch.of(part);
      if (batch.supervisedTokens() == 0) {
        continue;
      }
      try (DecoderModel.Forward forward = model.forward(batch, adapter, null, Tape.discarding())) {
        float[] values =
            loss.negativeLogLikelihoods(forward.hidden(), batch.rows(), batch.labels());
        sum += sum(batch, values);
      }
      supervised += batch.supervisedTokens();
    }
    if (supervised == 0) {
      throw new IllegalArgumentException("expected at least one supervised token");
    }
    return OptionalDouble.of(sum / supervised);
  }

  private static double sum(MicroBatch batch, float[] values) {
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new Diverged(
            "the held-out loss of example " + batch.rowExamples()[i] + " is not finite");
      }
      sum += values[i];
    }
    return sum;
  }
}
