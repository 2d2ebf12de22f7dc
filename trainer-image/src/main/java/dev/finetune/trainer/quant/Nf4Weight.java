package dev.finetune.trainer.quant;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A weight kept in 4-bit NormalFloat, dequantized for one product and dropped.
 *
 * @see <a href="https://arxiv.org/abs/2305.14314">QLoRA, section 3</a>
 */
public final class Nf4Weight implements FrozenWeight {
  private final Kernels kernels;
  private final Nf4Table table;
  private final int block;
  private final long rows;
  private final long columns;
  private final Scope scope = new Scope();
  private final Tensor packed;
  private final Scales scales;

  /** The scales of blocks, as they are kept. */
  private sealed interface Scales {
    record Plain(Tensor absmax) implements Scales {}

    record Nested(Tensor codes, Tensor absmax, long count, double offset) implements Scales {}
  }

  /**
   * Quantizes a weight.
   *
   * @param weights (rows, columns) in row-major order
   * @param block weights that share a scale, a multiple of 4
   * @param doubleQuantization whether the scales are quantized to 8 bits
   */
  public Nf4Weight(
      Kernels kernels,
      Nf4Table table,
      float[] weights,
      long rows,
      long columns,
      int block,
      boolean doubleQuantization) {
    if (rows * columns != weights.length) {
      throw new IllegalArgumentException(
          "expected " + rows + " x " + columns + " weights, got " + weights.length);
    }
    this.kernels = kernels;
    this.table = table;
    this.block = block;
    this.rows = rows;
    this.columns = columns;
    Nf4.Quantized quantized = Nf4.quantize(weights, block);
    Engine engine = kernels.engine();
    int wholeBlocks = quantized.absmax().length * (block / 2);
    Tensor bytes =
        bytes(engine, scope, Arrays.copyOf(quantized.packed(), wholeBlocks), wholeBlocks);
    packed = kernels.viewAsShorts(scope, bytes);
    scales = doubleQuantization ? nested(engine, quantized) : plain(engine, quantized);
  }

  private Scales plain(Engine engine, Nf4.Quantized quantized) {
    float[] absmax = quantized.absmax();
    return new Scales.Plain(engine.floats(scope, absmax, absmax.length));
  }

  private Scales nested(Engine engine, Nf4.Quantized quantized) {
    DoubleQuantization.Quantized nested =
        DoubleQuantization.quantize(quantized.absmax(), mean(engine, quantized.absmax()));
    int count = nested.codes().length;
    int wholeBlocks = nested.absmax().length * DoubleQuantization.BLOCK;
    return new Scales.Nested(
        bytes(engine, scope, Arrays.copyOf(nested.codes(), wholeBlocks), wholeBlocks),
        engine.floats(scope, nested.absmax(), nested.absmax().length),
        count,
        nested.offset());
  }

  /** Returns the mean as libtorch sums it, which bitsandbytes' bytes depend on. */
  private float mean(Engine engine, float[] values) {
    try (Scope temporary = new Scope()) {
      return (float) kernels.mean(engine.floats(temporary, values, values.length));
    }
  }

  private static Tensor bytes(Engine engine, Scope scope, byte[] values, long... shape) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(values.length).put(values).flip();
    return engine.copyOf(scope, buffer, ElementType.U8, shape);
  }

  @Override
  public Tensor materialize(Scope target) {
    try (Scope temporary = new Scope()) {
      Tensor absmax =
          switch (scales) {
            case Scales.Plain plain -> plain.absmax();
            case Scales.Nested nested ->
                kernels.nestedAbsmax(
                    temporary,
                    nested.codes(),
                    nested.absmax(),
                    table.nested(),
                    DoubleQuantization.BLOCK,
                    nested.count(),
                    nested.offset());
          };
      return kernels.nf4(target, packed, absmax, table.fours(), block, rows, columns);
    }
  }

  @Override
  public long rows() {
    return rows;
  }

  @Override
  public long columns() {
    return columns;
  }

  @Override
  public void close() {
    scope.close();
  }
}
