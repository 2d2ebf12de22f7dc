package dev.finetune.trainer.weights;

import static dev.finetune.trainer.weights.BlockDecoder.halfAt;
import static dev.finetune.trainer.weights.BlockDecoder.intAt;

/**
 * ggml's blocks of 32 elements: a scale in half precision, for some types a minimum too, and the
 * codes. Two codes of four bits share a byte: low halves are elements 0 to 15, high halves 16 to
 * 31. The fifth bits of codes of five bits are one 32-bit number, element 0 in its lowest bit.
 */
final class QuantizedBlocks {
  /** What the sixteen codes of IQ4_NL and IQ4_XS stand for: unevenly spaced, denser near zero. */
  private static final byte[] TABLE = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  private QuantizedBlocks() {}

  /** Q4_0: scale * (code - 8). */
  static void fourBits(byte[] in, int inAt, float[] out, int outAt) {
    float scale = halfAt(in, inAt);
    for (int i = 0; i < 16; i++) {
      int pair = in[inAt + 2 + i];
      out[outAt + i] = scale * ((pair & 0xf) - 8);
      out[outAt + 16 + i] = scale * (((pair >> 4) & 0xf) - 8);
    }
  }

  /** Q4_1: scale * code + minimum. */
  static void fourBitsFromMinimum(byte[] in, int inAt, float[] out, int outAt) {
    float scale = halfAt(in, inAt);
    float minimum = halfAt(in, inAt + 2);
    for (int i = 0; i < 16; i++) {
      int pair = in[inAt + 4 + i];
      out[outAt + i] = scale * (pair & 0xf) + minimum;
      out[outAt + 16 + i] = scale * ((pair >> 4) & 0xf) + minimum;
    }
  }

  /** Q5_0: scale * (code - 16). */
  static void fiveBits(byte[] in, int inAt, float[] out, int outAt) {
    float scale = halfAt(in, inAt);
    int fifths = intAt(in, inAt + 2);
    for (int i = 0; i < 16; i++) {
      int pair = in[inAt + 6 + i];
      out[outAt + i] = scale * (((pair & 0xf) | fifth(fifths, i)) - 16);
      out[outAt + 16 + i] = scale * ((((pair >> 4) & 0xf) | fifth(fifths, i + 16)) - 16);
    }
  }

  /** Q5_1: scale * code + minimum. */
  static void fiveBitsFromMinimum(byte[] in, int inAt, float[] out, int outAt) {
    float scale = halfAt(in, inAt);
    float minimum = halfAt(in, inAt + 2);
    int fifths = intAt(in, inAt + 4);
    for (int i = 0; i < 16; i++) {
      int pair = in[inAt + 8 + i];
      out[outAt + i] = scale * ((pair & 0xf) | fifth(fifths, i)) + minimum;
      out[outAt + 16 + i] = scale * (((pair >> 4) & 0xf) | fifth(fifths, i + 16)) + minimum;
    }
  }

  private static int fifth(int fifths, int element) {
    return ((fifths >>> element) & 1) << 4;
  }

  /** Q8_0: scale * signed byte. */
  static void eightBits(byte[] in, int inAt, float[] out, int outAt) {
    float scale = halfAt(in, inAt);
    for (int i = 0; i < 32; i++) {
      out[outAt + i] = scale * in[inAt + 2 + i];
    }
  }

  /** IQ4_NL: scale * what the code stands for. */
  static void fourBitsByTable(byte[] in, int inAt, float[] out, int outAt) {
    lookUp(halfAt(in, inAt), in, inAt + 2, out, outAt);
  }

  /** Decodes 32 codes of four bits by the table. */
  static void lookUp(float scale, byte[] in, int inAt, float[] out, int outAt) {
    for (int i = 0; i < 16; i++) {
      int pair = in[inAt + i];
      out[outAt + i] = scale * TABLE[pair & 0xf];
      out[outAt + 16 + i] = scale * TABLE[(pair >> 4) & 0xf];
    }
  }
}
