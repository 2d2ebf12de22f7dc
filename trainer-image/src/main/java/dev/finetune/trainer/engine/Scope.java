package dev.finetune.trainer.engine;

import java.util.ArrayList;
import java.util.List;

/** Owns tensors and closes them when it is closed, newest first. Used by one thread. */
public final class Scope implements AutoCloseable {
  private final List<Tensor> owned = new ArrayList<>();

  /** Takes ownership of a tensor and returns it. */
  public Tensor own(Tensor tensor) {
    owned.add(tensor);
    return tensor;
  }

  /**
   * Gives up ownership of a tensor and returns it; the caller now closes it.
   *
   * @throws IllegalArgumentException if this scope does not own it
   */
  public Tensor release(Tensor tensor) {
    for (int i = owned.size() - 1; i >= 0; i--) {
      if (owned.get(i) == tensor) {
        owned.remove(i);
        return tensor;
      }
    }
    throw new IllegalArgumentException("the scope does not own " + tensor);
  }

  /** Closes a tensor of this scope before the scope ends, to give its memory back early. */
  public void free(Tensor tensor) {
    release(tensor).close();
  }

  @Override
  public void close() {
    for (int i = owned.size() - 1; i >= 0; i--) {
      owned.get(i).close();
    }
    owned.clear();
  }
}
