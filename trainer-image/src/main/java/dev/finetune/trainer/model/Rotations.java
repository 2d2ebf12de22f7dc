package dev.finetune.trainer.model;

import dev.finetune.trainer.basemodel.DecoderTraits;
import org.jspecify.annotations.Nullable;

/**
 * The rotations of a micro-batch by kind.
 *
 * @param global of most layers, or null if none rotates so
 * @param local of layers with frequencies of their own, or null if none has
 */
record Rotations(@Nullable Rotation global, @Nullable Rotation local) {
  /** Returns the rotations of a kind, or null if it does not rotate. */
  @Nullable Rotation of(DecoderTraits.Positions positions) {
    return switch (positions) {
      case ROTARY -> global;
      case LOCAL_ROTARY -> local;
      case NONE -> null;
    };
  }
}
