package dev.finetune.trainer.model;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What the backward pass of one micro-batch needs of its forward pass, a record of each block. A
 * pass without a backward pass uses {@link #discarding}, which keeps nothing.
 */
public final class Tape implements AutoCloseable {
  private final boolean keeps;
  private final Deque<DecoderBlock.Saved> saved = new ArrayDeque<>();

  private Tape(boolean keeps) {
    this.keeps = keeps;
  }

  /** Returns a tape for a pass with a backward pass. */
  public static Tape keeping() {
    return new Tape(true);
  }

  /** Returns a tape that frees at once what is put on it. */
  public static Tape discarding() {
    return new Tape(false);
  }

  void push(DecoderBlock.Saved block) {
    if (keeps) {
      saved.push(block);
    } else {
      block.close();
    }
  }

  /** Takes the newest record off; the caller closes it. */
  DecoderBlock.Saved pop() {
    return saved.pop();
  }

  @Override
  public void close() {
    saved.forEach(DecoderBlock.Saved::close);
    saved.clear();
  }
}
