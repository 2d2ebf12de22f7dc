package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnsupportedModel;

/** Types of the elements of a safetensors file, in the order in which its library sorts them. */
public enum ElementType {
  BOOL(1),
  U8(1),
  I8(1),
  F8_E5M2(1),
  F8_E4M3(1),
  I16(2),
  U16(2),
  F16(2),
  BF16(2),
  I32(4),
  U32(4),
  F32(4),
  F64(8),
  I64(8),
  U64(8);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /** Returns the size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** Returns whether values of this type can be read as float32: F32, F16 and BF16. */
  public boolean readableAsFloat() {
    return this == F32 || this == F16 || this == BF16;
  }

  static ElementType named(String name, String tensor, String source) {
    for (ElementType type : values()) {
      if (type.name().equals(name)) {
        return type;
      }
    }
    throw new UnsupportedModel(
        "%s: tensor '%s': type '%s' is not supported".formatted(source, tensor, name));
  }
}
