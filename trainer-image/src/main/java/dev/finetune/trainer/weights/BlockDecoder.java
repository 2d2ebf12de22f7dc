package dev.finetune.trainer.weights;

/**
 * Turns stored elements into float32.
 *
 * <p>Elements come in blocks of equal size: one element for plain types, 32 for the quantized ones.
 * Sources: ggml's block layouts of Q4_1 (scale, minimum, 16 bytes: low halves are elements 0 to 15,
 * high halves 16 to 31) and Q8_0 (scale, 32 signed bytes).
 */
enum BlockDecoder {
  F32(1, 4) {
    @Override
    void decode(byte[] in, int inAt, float[] out, int outAt) {
      out[outAt] = Float.intBitsToFloat(intAt(in, inAt));
    }
  },
  F16(1, 2) {
    @Override
    void decode(byte[] in, int inAt, float[] out, int outAt) {
      out[outAt] = Float.float16ToFloat(shortAt(in, inAt));
    }
  },
  BF16(1, 2) {
    @Override
    void decode(byte[] in, int inAt, float[] out, int outAt) {
      out[outAt] = Float.intBitsToFloat(shortAt(in, inAt) << 16);
    }
  },
  Q4_1(32, 20) {
    @Override
    void decode(byte[] in, int inAt, float[] out, int outAt) {
      float scale = Float.float16ToFloat(shortAt(in, inAt));
      float minimum = Float.float16ToFloat(shortAt(in, inAt + 2));
      for (int i = 0; i < 16; i++) {
        int pair = in[inAt + 4 + i];
        out[outAt + i] = scale * (pair & 0xf) + minimum;
        out[outAt + 16 + i] = scale * ((pair >> 4) & 0xf) + minimum;
      }
    }
  },
  Q8_0(32, 34) {
    @Override
    void decode(byte[] in, int inAt, float[] out, int outAt) {
      float scale = Float.float16ToFloat(shortAt(in, inAt));
      for (int i = 0; i < 32; i++) {
        out[outAt + i] = scale * in[inAt + 2 + i];
      }
    }
  };

  private final int elements;
  private final int bytes;

  BlockDecoder(int elements, int bytes) {
    this.elements = elements;
    this.bytes = bytes;
  }

  /** Returns the number of elements in a block. */
  int elements() {
    return elements;
  }

  /** Returns the number of bytes of a block. */
  int bytes() {
    return bytes;
  }

  abstract void decode(byte[] in, int inAt, float[] out, int outAt);

  private static short shortAt(byte[] in, int at) {
    return (short) ((in[at] & 0xff) | (in[at + 1] << 8));
  }

  private static int intAt(byte[] in, int at) {
    return (shortAt(in, at) & 0xffff) | (shortAt(in, at + 2) << 16);
  }
}
