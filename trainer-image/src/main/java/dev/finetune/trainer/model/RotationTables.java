package dev.finetune.trainer.model;

import dev.finetune.trainer.basemodel.DecoderTraits.Positions;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Makes the rotations of micro-batches. Cosines and sines of positions are kept in tables that grow
 * with the longest sequence; where frequencies depend on a sequence's length there can be no table.
 */
final class RotationTables implements AutoCloseable {
  private static final int SHORTEST = 256;

  private final Kernels kernels;
  private final ModelConfig config;
  private Scope scope = new Scope();
  private int length;
  private @Nullable Table global;
  private @Nullable Table local;

  /** Cosines and sines of positions 0 to length - 1. */
  private record Table(Tensor cos, Tensor sin) {}

  RotationTables(Kernels kernels, ModelConfig config) {
    this.kernels = kernels;
    this.config = config;
  }

  /**
   * Returns the rotations of a micro-batch.
   *
   * @param owner owner of what is returned
   * @param positions position of each token (T)
   */
  Rotations of(Scope owner, MicroBatch batch, Tensor positions) {
    boolean byLength = Rope.dependsOnLength(config.ropeScaling());
    grow(batch.positionCount(), byLength);
    Rotation first =
        byLength && config.places(Positions.ROTARY)
            ? byLength(owner, batch)
            : rotation(owner, global, positions);
    return new Rotations(first, rotation(owner, local, positions));
  }

  private @Nullable Rotation rotation(Scope owner, @Nullable Table table, Tensor positions) {
    return table == null
        ? null
        : new Rotation(
            kernels.rotations(owner, table.cos(), positions),
            kernels.rotations(owner, table.sin(), positions));
  }

  private Rotation byLength(Scope owner, MicroBatch batch) {
    Rope.Angles angles = Rope.angles(config, batch.positions(), batch.offsets());
    try (Scope temporary = new Scope()) {
      long[] rows = new long[batch.tokens()];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = i;
      }
      Tensor places = kernels.engine().longs(temporary, rows);
      Table table = table(temporary, angles, rows.length);
      return new Rotation(
          kernels.rotations(owner, table.cos(), places),
          kernels.rotations(owner, table.sin(), places));
    }
  }

  private void grow(int positions, boolean byLength) {
    if (length >= positions && length > 0) {
      return;
    }
    int rounded = Math.max(SHORTEST, Integer.highestOneBit(Math.max(1, positions - 1)) << 1);
    scope.close();
    scope = new Scope();
    global =
        config.places(Positions.ROTARY) && !byLength
            ? table(scope, Rope.angles(config, rounded), rounded)
            : null;
    local =
        config.places(Positions.LOCAL_ROTARY)
            ? table(scope, Rope.localAngles(config, rounded), rounded)
            : null;
    length = rounded;
  }

  private Table table(Scope owner, Rope.Angles angles, int rows) {
    int half = config.rotarySize() / 2;
    return new Table(
        kernels.engine().floats(owner, angles.cos(), rows, half),
        kernels.engine().floats(owner, angles.sin(), rows, half));
  }

  @Override
  public void close() {
    scope.close();
  }
}
