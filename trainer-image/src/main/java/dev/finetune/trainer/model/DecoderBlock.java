package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraAdapter;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One block of the decoder: attention and a feed-forward network, each behind a norm and added to
 * its input.
 */
final class DecoderBlock implements AutoCloseable {
  private final Kernels kernels;
  private final Attention attention;
  private final FeedForward feedForward;

  DecoderBlock(Kernels kernels, Attention attention, FeedForward feedForward) {
    this.kernels = kernels;
    this.attention = attention;
    this.feedForward = feedForward;
  }

  /** Where the tensors of a record lie, and the piece of memory that is used again. */
  private record Place(Scope scope, TapeMemory memory, Tensor piece) implements AutoCloseable {
    @Override
    public void close() {
      scope.close();
      memory.giveBack(piece);
    }
  }

  /** What the backward pass needs; everything else is computed again. */
  record Saved(Place place, Attention.Saved attention, FeedForward.Saved feedForward)
      implements AutoCloseable {
    @Override
    public void close() {
      place.close();
    }
  }

  /**
   * Computes the block.
   *
   * @param x (T, hidden); the block takes it over
   * @return (T, hidden), owned by the scope
   */
  Tensor forward(Scope scope, Tensor x, Pass pass, Tape tape) {
    try (Scope temporary = new Scope()) {
      temporary.own(x);
      Attention.Result first = attention.forward(temporary, x, pass);
      FeedForward.Result second = feedForward.forward(temporary, first.y(), pass);
      Tensor y = scope.own(temporary.release(second.y()));
      if (tape.records()) {
        tape.push(record(pass.memory(), temporary, first.saved(), second.saved()));
      }
      return y;
    }
  }

  /**
   * Copies what the backward pass needs into one block of memory. Left where they were made, among
   * all that is freed soon, the tensors of a tape would leave the memory full of gaps.
   */
  private Saved record(TapeMemory memory, Scope temporary, Attention.Saved a, FeedForward.Saved f) {
    Scope kept = new Scope();
    try (Scope originals = new Scope()) {
      move(
          temporary,
          kept,
          a.inverse(),
          a.queryInverse(),
          a.keyInverse(),
          a.outputInverse(),
          f.inverse(),
          f.outputInverse());
      @Nullable Tensor[] tensors = {
        a.x(),
        a.q(),
        a.k(),
        a.v(),
        a.attended(),
        f.x(),
        f.first(),
        f.second(),
        a.lowQueryKeyValue(),
        a.lowOutput(),
        f.lowInto(),
        f.lowDown(),
        a.output(),
        f.output()
      };
      move(temporary, originals, tensors);
      temporary.close();
      long elements = 0;
      for (Tensor tensor : tensors) {
        elements += tensor == null ? 0 : tensor.elements();
      }
      Tensor piece = memory.take(elements);
      return saved(new Place(kept, memory, piece), kernels.pack(kept, piece, tensors), a, f);
    }
  }

  /** Puts the copies where the originals were; statistics stay. */
  private static Saved saved(
      Place place, @Nullable Tensor[] t, Attention.Saved a, FeedForward.Saved f) {
    return new Saved(
        place,
        new Attention.Saved(
            a.inverse(),
            a.queryInverse(),
            a.keyInverse(),
            a.outputInverse(),
            present(t[0]),
            present(t[1]),
            present(t[2]),
            present(t[3]),
            present(t[4]),
            t[12],
            t[8],
            t[9]),
        new FeedForward.Saved(
            f.inverse(),
            f.outputInverse(),
            present(t[5]),
            present(t[6]),
            t[7],
            t[13],
            t[10],
            t[11]));
  }

  private static Tensor present(@Nullable Tensor tensor) {
    return Objects.requireNonNull(tensor);
  }

  private static void move(Scope from, Scope to, @Nullable Tensor... tensors) {
    for (Tensor tensor : tensors) {
      if (tensor != null) {
        to.own(from.release(tensor));
      }
    }
  }

  /**
   * Adds the gradients of the updates to the adapter and returns the gradient to the block's input.
   *
   * @param g gradient to the block's output (T, hidden)
   */
  Tensor backward(Scope scope, Tensor g, Pass pass, Saved saved) {
    try (Scope temporary = new Scope()) {
      Tensor g2 = feedForward.backward(temporary, g, pass, saved.feedForward());
      return attention.backward(scope, temporary, g2, pass, saved.attention());
    }
  }

  /** Sets what an adapter begins with of the block: magnitudes, and norms that it trains. */
  void initialize(LoraAdapter adapter) {
    attention.initialize(adapter);
    feedForward.initialize(adapter);
  }

  @Override
  public void close() {
    attention.close();
    feedForward.close();
  }
}
