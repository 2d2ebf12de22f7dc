package dev.finetune.trainer.weights;

import static dev.finetune.trainer.weights.BlockDecoder.halfAt;
import static dev.finetune.trainer.weights.BlockDecoder.shortAt;

/**
 * ggml's blocks of 256 elements (K-quants and IQ4_XS): one or two factors in half precision for the
 * block, a small integer scale for each 16 or 32 elements, and the codes, whose bits may lie in two
 * places.
 */
final class SuperBlocks {
  private static final int ELEMENTS = 256;

  private SuperBlocks() {}

  /** Q2_K: scales and minima of 16 elements in halves of a byte, then codes, then the factors. */
  static void twoBits(byte[] in, int inAt, float[] out, int outAt) {
    int codes = inAt + 16;
    float scale = halfAt(in, inAt + 80);
    float minimum = halfAt(in, inAt + 82);
    for (int group = 0; group < ELEMENTS / 16; group++) {
      float groupScale = scale * (in[inAt + group] & 0xf);
      float groupMinimum = minimum * ((in[inAt + group] >> 4) & 0xf);
      for (int i = group * 16; i < group * 16 + 16; i++) {
        out[outAt + i] = groupScale * crumb(in, codes, i) - groupMinimum;
      }
    }
  }

  /** Q3_K: third bits, where a bit that is not set means minus 4; codes; scales; the factor. */
  static void threeBits(byte[] in, int inAt, float[] out, int outAt) {
    int codes = inAt + 32;
    int scales = inAt + 96;
    float scale = halfAt(in, inAt + 108);
    for (int group = 0; group < ELEMENTS / 16; group++) {
      int low = (in[scales + group % 8] >> (group / 8 * 4)) & 0xf;
      int high = (in[scales + 8 + group % 4] >> (group / 4 * 2)) & 3;
      float groupScale = scale * ((low | high << 4) - 32);
      for (int i = group * 16; i < group * 16 + 16; i++) {
        int third = (in[inAt + i % 32] >> (i / 32)) & 1;
        out[outAt + i] = groupScale * (crumb(in, codes, i) - (third == 1 ? 0 : 4));
      }
    }
  }

  /** Returns a code of two bits: each 32 bytes hold 128 elements, 32 in each pair of bits. */
  private static int crumb(byte[] in, int codes, int element) {
    return (in[codes + element / 128 * 32 + element % 32] >> (element % 128 / 32 * 2)) & 3;
  }

  /** Q4_K: the factors, scales and minima of 32 elements, codes. */
  static void fourBits(byte[] in, int inAt, float[] out, int outAt) {
    float scale = halfAt(in, inAt);
    float minimum = halfAt(in, inAt + 2);
    int scales = inAt + 4;
    for (int group = 0; group < ELEMENTS / 32; group++) {
      float groupScale = scale * scale(in, scales, group);
      float groupMinimum = minimum * minimum(in, scales, group);
      for (int i = 0; i < 32; i++) {
        out[outAt + group * 32 + i] = groupScale * nibble(in, inAt + 16, group, i) - groupMinimum;
      }
    }
  }

  /** Q5_K: as Q4_K, with the fifth bits before the codes. */
  static void fiveBits(byte[] in, int inAt, float[] out, int outAt) {
    float scale = halfAt(in, inAt);
    float minimum = halfAt(in, inAt + 2);
    int scales = inAt + 4;
    for (int group = 0; group < ELEMENTS / 32; group++) {
      float groupScale = scale * scale(in, scales, group);
      float groupMinimum = minimum * minimum(in, scales, group);
      for (int i = 0; i < 32; i++) {
        int fifth = (in[inAt + 16 + i] >> group) & 1;
        int code = nibble(in, inAt + 48, group, i) | fifth << 4;
        out[outAt + group * 32 + i] = groupScale * code - groupMinimum;
      }
    }
  }

  /** Each 32 bytes hold two groups of 32 elements, the first in the low halves. */
  private static int nibble(byte[] in, int codes, int group, int i) {
    return (in[codes + group / 2 * 32 + i] >> (group % 2 * 4)) & 0xf;
  }

  /** Six bits each: those of the last four groups lie in the last four bytes and in spare bits. */
  private static int scale(byte[] in, int scales, int group) {
    return group < 4
        ? in[scales + group] & 0x3f
        : (in[scales + 4 + group] & 0xf) | ((in[scales + group - 4] >> 2) & 0x30);
  }

  private static int minimum(byte[] in, int scales, int group) {
    return group < 4
        ? in[scales + 4 + group] & 0x3f
        : ((in[scales + 4 + group] >> 4) & 0xf) | ((in[scales + group] >> 2) & 0x30);
  }

  /** Q6_K: low four bits, high two bits, signed scales of 16 elements, the factor. */
  static void sixBits(byte[] in, int inAt, float[] out, int outAt) {
    int scales = inAt + 192;
    float scale = halfAt(in, inAt + 208);
    for (int group = 0; group < ELEMENTS / 16; group++) {
      float groupScale = scale * in[scales + group];
      for (int i = group * 16; i < group * 16 + 16; i++) {
        int low = (in[inAt + i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4)) & 0xf;
        int high = crumb(in, inAt + 128, i);
        out[outAt + i] = groupScale * ((low | high << 4) - 32);
      }
    }
  }

  /** IQ4_XS: the factor, high then low bits of the scales of 32 elements, codes by table. */
  static void fourBitsByTable(byte[] in, int inAt, float[] out, int outAt) {
    float scale = halfAt(in, inAt);
    int highs = shortAt(in, inAt + 2) & 0xffff;
    for (int group = 0; group < ELEMENTS / 32; group++) {
      int low = (in[inAt + 4 + group / 2] >> (group % 2 * 4)) & 0xf;
      int high = (highs >> (group * 2)) & 3;
      float groupScale = scale * ((low | high << 4) - 32);
      QuantizedBlocks.lookUp(groupScale, in, inAt + 8 + group * 16, out, outAt + group * 32);
    }
  }
}
