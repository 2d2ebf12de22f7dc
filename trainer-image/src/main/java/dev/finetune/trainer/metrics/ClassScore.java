package dev.finetune.trainer.metrics;

/**
 * How well one label is told from the others.
 *
 * @param label its name
 * @param precision share of what was predicted as this label that is of it, 0 if nothing was
 * @param recall share of what is of this label that was predicted so, 0 if nothing is
 * @param f1 harmonic mean of both, 0 if both are
 * @param support how many are of this label
 */
public record ClassScore(String label, double precision, double recall, double f1, long support) {}
