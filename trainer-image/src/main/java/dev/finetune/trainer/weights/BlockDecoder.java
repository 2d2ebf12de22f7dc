package dev.finetune.trainer.weights;

/**
 * Turns stored elements into float32.
 *
 * <p>Elements come in blocks of equal size: one element for plain types, 32 or 256 for the
 * quantized ones, whose layouts are in {@link QuantizedBlocks} and {@link SuperBlocks}.
 */
enum BlockDecoder {
  F32(1, 4, (in, inAt, out, outAt) -> out[outAt] = Float.intBitsToFloat(intAt(in, inAt))),
  F16(1, 2, (in, inAt, out, outAt) -> out[outAt] = halfAt(in, inAt)),
  BF16(1, 2, (in, inAt, out, outAt) -> out[outAt] = Float.intBitsToFloat(shortAt(in, inAt) << 16)),
  Q4_0(32, 18, QuantizedBlocks::fourBits),
  Q4_1(32, 20, QuantizedBlocks::fourBitsFromMinimum),
  Q5_0(32, 22, QuantizedBlocks::fiveBits),
  Q5_1(32, 24, QuantizedBlocks::fiveBitsFromMinimum),
  Q8_0(32, 34, QuantizedBlocks::eightBits),
  Q2_K(256, 84, SuperBlocks::twoBits),
  Q3_K(256, 110, SuperBlocks::threeBits),
  Q4_K(256, 144, SuperBlocks::fourBits),
  Q5_K(256, 176, SuperBlocks::fiveBits),
  Q6_K(256, 210, SuperBlocks::sixBits),
  IQ4_NL(32, 18, QuantizedBlocks::fourBitsByTable),
  IQ4_XS(256, 136, SuperBlocks::fourBitsByTable);

  private final int elements;
  private final int bytes;
  private final Layout layout;

  BlockDecoder(int elements, int bytes, Layout layout) {
    this.elements = elements;
    this.bytes = bytes;
    this.layout = layout;
  }

  /** Decodes one block. */
  private interface Layout {
    void decode(byte[] in, int inAt, float[] out, int outAt);
  }

  /** Returns the number of elements in a block. */
  int elements() {
    return elements;
  }

  /** Returns the number of bytes of a block. */
  int bytes() {
    return bytes;
  }

  void decode(byte[] in, int inAt, float[] out, int outAt) {
    layout.decode(in, inAt, out, outAt);
  }

  static float halfAt(byte[] in, int at) {
    return Float.float16ToFloat(shortAt(in, at));
  }

  static short shortAt(byte[] in, int at) {
    return (short) ((in[at] & 0xff) | (in[at + 1] << 8));
  }

  static int intAt(byte[] in, int at) {
    return (shortAt(in, at) & 0xffff) | (shortAt(in, at + 2) << 16);
  }
}
