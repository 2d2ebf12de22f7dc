package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What the backward pass of one micro-batch needs of its forward pass: a record of each block, or
 * the block's input, from which the block is computed again to the same bits (gradient
 * checkpointing). A pass without a backward pass uses {@link #discarding}, which keeps nothing.
 *
 * @see <a href="https://arxiv.org/abs/1604.06174">Training deep nets with sublinear memory cost</a>
 */
public final class Tape implements AutoCloseable {
  private final Mode mode;
  private final Deque<DecoderBlock.Saved> saved = new ArrayDeque<>();
  private final Deque<Input> inputs = new ArrayDeque<>();

  /** What is kept of a block. */
  private enum Mode {
    RECORDS,
    INPUTS,
    NOTHING
  }

  /** A view of a block's input, and who owns it. */
  record Input(Scope scope, Tensor x) implements AutoCloseable {
    @Override
    public void close() {
      scope.close();
    }
  }

  private Tape(Mode mode) {
    this.mode = mode;
  }

  /** Returns a tape for a pass with a backward pass. */
  public static Tape keeping() {
    return new Tape(Mode.RECORDS);
  }

  /** Returns a tape for a pass whose blocks are computed again on the way back. */
  public static Tape recomputing() {
    return new Tape(Mode.INPUTS);
  }

  /** Returns a tape that frees at once what is put on it. */
  public static Tape discarding() {
    return new Tape(Mode.NOTHING);
  }

  /** Returns whether records of blocks are kept. */
  boolean records() {
    return mode == Mode.RECORDS;
  }

  /** Returns whether the newest block is to be computed again before its backward pass. */
  boolean recomputes() {
    return mode == Mode.INPUTS;
  }

  /** Keeps a view of a block's input if the block is to be computed again. */
  void begin(Kernels kernels, Tensor x) {
    if (mode == Mode.INPUTS) {
      Scope scope = new Scope();
      inputs.push(new Input(scope, kernels.reshape(scope, x, x.shape())));
    }
  }

  void push(DecoderBlock.Saved block) {
    saved.push(block);
  }

  /** Takes the newest record off; the caller closes it. */
  DecoderBlock.Saved pop() {
    return saved.pop();
  }

  /** Takes the newest input off; the caller closes it. */
  Input popInput() {
    return inputs.pop();
  }

  @Override
  public void close() {
    saved.forEach(DecoderBlock.Saved::close);
    saved.clear();
    inputs.forEach(Input::close);
    inputs.clear();
  }
}
