package dev.finetune.trainer.train;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.MicroBatch;
import dev.finetune.trainer.model.Tape;
import java.util.List;
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
   */
  public static double of(
      Kernels kernels,
      DecoderModel model,
      @Nullable LoraAdapter adapter,
      List<Example> examples,
      int tokenBudget) {
    CausalCrossEntropy loss =
        new CausalCrossEntropy(
            kernels, model.norm(), model.config().rmsNormEpsilon(), model.head());
    double sum = 0;
    long supervised = 0;
    for (List<Example> part : MicroBatches.cut(examples, tokenBudget)) {
      MicroBatch batch = MicroBatch.of(part);
      if (batch.supervisedTokens() == 0) {
        continue;
      }
      try (DecoderModel.Forward forward = model.forward(batch, adapter, null, Tape.discarding())) {
        for (float value :
            loss.negativeLogLikelihoods(forward.hidden(), batch.rows(), batch.labels())) {
          sum += value;
        }
      }
      supervised += batch.supervisedTokens();
    }
    if (supervised == 0) {
      throw new IllegalArgumentException("expected at least one supervised token");
    }
    return sum / supervised;
  }
}
