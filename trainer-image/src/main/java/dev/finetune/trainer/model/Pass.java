package dev.finetune.trainer.model;

import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.DropoutMasks;
import dev.finetune.trainer.lora.LoraAdapter;
import org.jspecify.annotations.Nullable;

/**
 * What all layers of one pass over a micro-batch share.
 *
 * @param batch the tokens
 * @param adapter the update, or null for the base model alone
 * @param dropout which inputs of the adapter are dropped, or null for none
 * @param cache keys and values of the tokens before, or null if there are none
 * @param rotations rotations of the tokens
 * @param memory where tapes lie
 */
record Pass(
    MicroBatch batch,
    @Nullable LoraAdapter adapter,
    @Nullable DropoutMasks dropout,
    @Nullable KeyValueCache cache,
    Rotations rotations,
    TapeMemory memory) {
  /** Returns the mask of a module group, or null if nothing is dropped. */
  @Nullable Tensor mask(Kernels kernels, Scope scope, int layer, int group, long width) {
    if (dropout == null) {
      return null;
    }
    return dropout.mask(kernels, scope, batch.examples(), batch.offsets(), layer, group, width);
  }
}
