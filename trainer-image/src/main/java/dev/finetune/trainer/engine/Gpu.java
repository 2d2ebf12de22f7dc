package dev.finetune.trainer.engine;

/**
 * A GPU as its driver describes it.
 *
 * @param memoryBytes its whole memory, also what others use of it
 * @param major first number of its compute capability
 * @param minor second number of its compute capability
 */
public record Gpu(long memoryBytes, int major, int minor) {
  private static final int AMPERE = 8;

  /** Returns whether it multiplies bfloat16 in hardware; the flash kernel needs the same GPUs. */
  public boolean hasBfloat16() {
    return major >= AMPERE;
  }

  /** Returns the compute capability as NVIDIA writes it, such as 8.0. */
  public String computeCapability() {
    return major + "." + minor;
  }
}
