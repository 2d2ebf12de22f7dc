package dev.finetune.trainer.weights;

import java.nio.FloatBuffer;

/** Decodes runs of blocks of a mapped file into a buffer, through two small arrays. */
final class BlockStream {
  private static final int CHUNK_ELEMENTS = 1 << 14;

  private final MappedFile file;
  private final BlockDecoder decoder;
  private final byte[] in;
  private final float[] out;

  BlockStream(MappedFile file, BlockDecoder decoder) {
    this.file = file;
    this.decoder = decoder;
    int blocks = CHUNK_ELEMENTS / decoder.elements();
    this.in = new byte[blocks * decoder.bytes()];
    this.out = new float[blocks * decoder.elements()];
  }

  /** Appends elements, a multiple of the block's, that begin at a byte of the file. */
  void decode(long offset, long elements, FloatBuffer target) {
    long at = offset;
    long left = elements;
    while (left > 0) {
      int count = (int) Math.min(left, out.length);
      int blocks = count / decoder.elements();
      file.copy(at, in, blocks * decoder.bytes());
      for (int b = 0; b < blocks; b++) {
        decoder.decode(in, b * decoder.bytes(), out, b * decoder.elements());
      }
      target.put(out, 0, count);
      at += (long) blocks * decoder.bytes();
      left -= count;
    }
  }
}
