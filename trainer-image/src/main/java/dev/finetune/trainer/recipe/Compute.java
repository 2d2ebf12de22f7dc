package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.Precision;
import dev.finetune.trainer.engine.ComputeDevice;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Gpu;
import dev.finetune.trainer.engine.Processor;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.plan.MemoryLimit;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What a command computes on.
 *
 * @param gpu the GPU, or null for the machine's processors
 */
record Compute(@Nullable Gpu gpu) {
  /**
   * Returns what a choice stands for.
   *
   * @param gpus looks for a GPU
   * @throws InvalidConfiguration if a GPU is asked for and there is none
   */
  static Compute of(DeviceChoice choice, Supplier<Optional<Gpu>> gpus) {
    return switch (choice) {
      case CPU -> new Compute(null);
      case AUTO -> new Compute(gpus.get().orElse(null));
      case CUDA ->
          new Compute(
              gpus.get()
                  .orElseThrow(
                      () ->
                          new InvalidConfiguration(
                              "device cuda: expected libtorch for CUDA, an NVIDIA driver and a GPU"
                                  + " that this process may use, found none")));
    };
  }

  ComputeDevice device() {
    return gpu == null ? ComputeDevice.CPU : ComputeDevice.CUDA;
  }

  /** Returns the name in {@code run.json} and messages. */
  String name() {
    return gpu == null ? "cpu" : "cuda " + gpu.computeCapability();
  }

  /** Returns how much memory tensors may use, with what lies beside them. */
  MemoryLimit memoryLimit() {
    return gpu == null
        ? MemoryLimit.ofProcess()
        : new MemoryLimit(gpu.memoryBytes(), "the GPU's memory", MemoryLimit.Place.GPU);
  }

  /**
   * Returns the name of a precision as {@code run.json} records it, {@code fp32} or {@code bf16}.
   */
  String precision(Precision precision) {
    return switch (precision) {
      case FP32 -> "fp32";
      case BF16 -> "bf16";
      case AUTO -> hasBfloat16() ? "bf16" : "fp32";
    };
  }

  private boolean hasBfloat16() {
    return gpu == null ? Processor.hasBfloat16() : gpu.hasBfloat16();
  }

  /**
   * Starts the engine; the caller closes it.
   *
   * @param type type of activations and products
   * @throws InvalidConfiguration if the GPU has no instructions for it
   */
  Engine start(int threads, ElementType type) {
    if (gpu != null && type == ElementType.BF16 && !gpu.hasBfloat16()) {
      throw new InvalidConfiguration(
          "precision bf16: needs a GPU of compute capability 8.0 or newer, this one has "
              + gpu.computeCapability());
    }
    return Engine.start(threads, device());
  }
}
