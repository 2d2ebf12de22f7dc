package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Tensor;

/**
 * The rotations of the tokens of a micro-batch.
 *
 * @param cos cosines (T, 1, half of what is rotated of a head)
 * @param sin sines, of the same shape
 */
record Rotation(Tensor cos, Tensor sin) {}
