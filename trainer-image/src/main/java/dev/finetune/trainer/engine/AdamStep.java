package dev.finetune.trainer.engine;

/**
 * The numbers of one step of AdamW.
 *
 * @param clip factor of the gradients
 * @param learningRate rate of the step
 * @param weightDecay share of the parameters, times the rate, that is taken off
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment after the correction of its bias
 * @param step steps so far, this one included
 */
public record AdamStep(
    double clip,
    double learningRate,
    double weightDecay,
    double beta1,
    double beta2,
    double epsilon,
    int step) {}
