package dev.finetune.trainer.lora;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The updates of linear layers that share an input. Their A lie one below the other in one matrix.
 *
 * @param a all A (sum of ranks, in) in the type of activations
 * @param gradientA gradient to {@code a}, {@code F32}
 * @param members one for each layer of the group, null where a layer has no update
 */
public record LoraGroup(Tensor a, Tensor gradientA, List<@Nullable Member> members) {
  /**
   * The update of one layer.
   *
   * @param module its matrices
   * @param update its columns in products with {@code a}
   */
  public record Member(LoraModule module, Kernels.LowRank update) {}
}
