package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The memory of tapes, which is used again from micro-batch to micro-batch: fetched from the
 * operating system and given back each time, it would cost as much as the norms do.
 *
 * <p>A piece that is too small for a longer micro-batch makes room for a larger one, so there are
 * never more pieces than blocks.
 */
final class TapeMemory implements AutoCloseable {
  private final Kernels kernels;
  private final Deque<Tensor> free = new ArrayDeque<>();

  TapeMemory(Kernels kernels) {
    this.kernels = kernels;
  }

  /** Returns a flat tensor of at least this many elements, which the caller gives back. */
  Tensor take(long elements) {
    Tensor piece = free.poll();
    if (piece != null && piece.elements() >= elements) {
      return piece;
    }
    if (piece != null) {
      piece.close();
    }
    Scope scope = new Scope();
    return scope.release(kernels.engine().empty(scope, kernels.type(), elements));
  }

  /** Takes a piece back. */
  void giveBack(Tensor piece) {
    free.push(piece);
  }

  @Override
  public void close() {
    free.forEach(Tensor::close);
    free.clear();
  }
}
