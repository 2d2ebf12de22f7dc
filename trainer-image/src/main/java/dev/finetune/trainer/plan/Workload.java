package dev.finetune.trainer.plan;

import dev.finetune.api.spec.Optimizer;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.lora.AdapterShape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All that decides how much memory a run needs, but for how much of it is done at a time.
 *
 * @param config shape of the model
 * @param quantization how linear layers are kept, or null: in the type of activations
 * @param type type of activations and products
 * @param adapter what is trained
 * @param dropout probability of dropping an input of the adapter
 * @param optimizer what turns gradients into updates
 * @param momentum whether SGD keeps one
 * @param divergence whether the divergence from the base model is part of the loss
 */
public record Workload(
    ModelConfig config,
    @Nullable Quantization quantization,
    ElementType type,
    AdapterShape adapter,
    double dropout,
    Optimizer optimizer,
    boolean momentum,
    boolean divergence) {
  /** Makes one of a run whose loss is that of its rows alone. */
  public Workload(
      ModelConfig config,
      @Nullable Quantization quantization,
      ElementType type,
      AdapterShape adapter,
      double dropout,
      Optimizer optimizer,
      boolean momentum) {
    this(config, quantization, type, adapter, dropout, optimizer, momentum, false);
  }

  /**
   * The tokens that are worked on at a time.
   *
   * @param lengths length of each sequence
   * @param supervised tokens that are learned
   */
  public record Batch(List<Integer> lengths, int supervised) {
    /** Copies the lengths. */
    public Batch {
      lengths = List.copyOf(lengths);
    }

    /** Returns the batch without a sequence. */
    public static Batch empty() {
      return new Batch(List.of(), 0);
    }

    /** Returns the number of tokens. */
    public int tokens() {
      return lengths.stream().mapToInt(Integer::intValue).sum();
    }

    /** Returns the length of the longest sequence, 0 if there is none. */
    public int longest() {
      return lengths.stream().mapToInt(Integer::intValue).max().orElse(0);
    }
  }
}
