package dev.finetune.trainer.lora;

import dev.finetune.trainer.engine.Tensor;

/**
 * A module that is trained whole, as views into the flat tensors of its adapter.
 *
 * @param master the weight, {@code F32}
 * @param weight the weight as the model computes with it: a matrix in the type of activations, the
 *     vector of a norm in {@code F32}
 * @param gradient gradient to the weight, {@code F32}
 */
public record WholeModule(Tensor master, Tensor weight, Tensor gradient) {}
