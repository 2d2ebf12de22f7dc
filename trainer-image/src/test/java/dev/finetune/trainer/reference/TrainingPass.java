package dev.finetune.trainer.reference;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.lora.DropoutMasks;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.loss.Objective;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.EmbeddingNoise;
import dev.finetune.trainer.model.Tape;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The forward and backward passes of one optimizer step, with any cut into micro-batches.
 *
 * @param dropout which inputs of the updates are dropped, or null for none
 * @param noise what is added to embeddings, or null for none
 * @param labelSmoothing share of a label's probability that is spread
 */
public record TrainingPass(
    Kernels kernels,
    DecoderModel model,
    LoraAdapter adapter,
    @Nullable DropoutMasks dropout,
    @Nullable EmbeddingNoise noise,
    double labelSmoothing) {
  /** Negative log-likelihoods in the order of the examples, and the adapter's flat gradients. */
  public record Outcome(float[] negativeLogLikelihoods, float[] gradients) {}

  /** Runs micro-batches; the loss is the mean over all their supervised tokens. */
  public Outcome run(List<List<Example>> microBatches) {
    int supervised =
        microBatches.stream().flatMap(List::stream).mapToInt(Example::supervisedTokens).sum();
    List<float[]> losses = new ArrayList<>();
    adapter.clearGradients();
    for (List<Example> examples : microBatches) {
      MicroBatch batch = MicroBatch.of(examples);
      if (batch.supervisedTokens() == 0) {
        continue;
      }
      CausalCrossEntropy loss =
          new CausalCrossEntropy(
              kernels, model.norm(), model.config().rmsNormEpsilon(), model.head(), labelSmoothing);
      try (Scope scope = new Scope();
          DecoderModel.Forward forward =
              model.forward(batch, adapter, dropout, noise, Tape.keeping())) {
        Objective.Result result =
            loss.withGradient(
                scope, forward.hidden(), batch.rows(), batch.labels(), 1.0 / supervised);
        losses.add(result.terms());
        model.backward(forward, result.gradient());
      }
    }
    return new Outcome(joined(losses), adapter.gradients().toFloats());
  }

  private static float[] joined(List<float[]> parts) {
    float[] joined = new float[parts.stream().mapToInt(part -> part.length).sum()];
    int place = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, joined, place, part.length);
      place += part.length;
    }
    return joined;
  }
}
