package dev.finetune.trainer.engine;

/** Data types of tensors. The code is libtorch's {@code ScalarType}. */
public enum ElementType {
  /** Unsigned bytes. */
  U8(0, 1),
  /** 16-bit integers. */
  I16(2, 2),
  /** 64-bit integers. */
  I64(4, 8),
  /** 32-bit floating point. */
  F32(6, 4),
  /** bfloat16. */
  BF16(15, 2);

  private final int code;
  private final int bytes;

  ElementType(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /** Returns libtorch's number of this type. */
  int code() {
    return code;
  }

  /** Returns the size of one element in bytes. */
  public int bytes() {
    return bytes;
  }
}
