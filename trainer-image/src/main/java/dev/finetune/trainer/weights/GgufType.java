package dev.finetune.trainer.weights;

/** Types of metadata values, in the order of their codes. */
enum GgufType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  /** Its size is that of its length alone, the least that a string takes. */
  STRING(8),
  /** Its size is that of its element type and length alone. */
  ARRAY(12),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  private final int bytes;

  GgufType(int bytes) {
    this.bytes = bytes;
  }

  int bytes() {
    return bytes;
  }

  boolean integral() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> false;
    };
  }
}
