package dev.finetune.trainer.engine;

import java.util.Map;

/**
 * Which libtorch a process is to load, by the variables that DJL reads.
 *
 * @param flavor its kind as DJL names it, such as {@code cpu} or {@code cu128}
 */
record Libtorch(String flavor) {
  private static final String FLAVOR = "PYTORCH_FLAVOR";

  /** Returns what this process loads or has loaded. */
  static Libtorch ofProcess() {
    return of(System.getenv());
  }

  static Libtorch of(Map<String, String> variables) {
    return new Libtorch(variables.getOrDefault(FLAVOR, "cpu"));
  }

  /** Returns whether it is one for CUDA. */
  boolean forCuda() {
    return flavor.startsWith("cu");
  }
}
