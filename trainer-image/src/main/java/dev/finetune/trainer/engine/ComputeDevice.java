package dev.finetune.trainer.engine;

/** Where tensors lie and kernels run. The code is libtorch's {@code DeviceType}. */
public enum ComputeDevice {
  /** The machine's processors and memory. */
  CPU(0),
  /** The first GPU that the process sees. */
  CUDA(1);

  private final int code;

  ComputeDevice(int code) {
    this.code = code;
  }

  /** Returns libtorch's number of this kind of device. */
  int code() {
    return code;
  }
}
