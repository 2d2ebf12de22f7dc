package dev.finetune.trainer.weights;

/** Decodes runs of blocks of a mapped file through two small arrays. */
final class BlockStream {
  private final MappedFile file;
  private final BlockDecoder decoder;
  private final byte[] in;
  private final float[] out;

  BlockStream(MappedFile file, BlockDecoder decoder) {
    this.file = file;
    this.decoder = decoder;
    int blocks = WeightReader.PART / decoder.elements();
    this.in = new byte[blocks * decoder.bytes()];
    this.out = new float[blocks * decoder.elements()];
  }

  /** Passes on elements, a multiple of the block's, that begin at a byte of the file. */
  void decode(long offset, long elements, WeightReader.Sink sink) {
    long at = offset;
    long left = elements;
    while (left > 0) {
      int count = (int) Math.min(left, out.length);
      int blocks = count / decoder.elements();
      file.copy(at, in, blocks * decoder.bytes());
      for (int b = 0; b < blocks; b++) {
        decoder.decode(in, b * decoder.bytes(), out, b * decoder.elements());
      }
      sink.accept(out, count);
      at += (long) blocks * decoder.bytes();
      left -= count;
    }
  }
}
