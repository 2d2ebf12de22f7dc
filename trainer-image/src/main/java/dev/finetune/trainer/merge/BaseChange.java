package dev.finetune.trainer.merge;

/** What becomes of the weight of a linear layer before an adapter is merged into it: PiSSA's. */
@FunctionalInterface
public interface BaseChange {
  /**
   * Returns the weight that the adapter was trained beside.
   *
   * @param linear name of the layer, such as {@code model.layers.0.self_attn.q_proj}
   * @param weight the weight on disk (rows, columns) in row-major order; may be overwritten
   * @return a weight of the same shape, perhaps {@code weight} itself
   */
  float[] apply(String linear, float[] weight, long rows, long columns);
}
