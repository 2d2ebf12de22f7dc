package dev.finetune.trainer.quant;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalDouble;

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
  private final Tensor bytes;
  private final Tensor packed;
  private final Scales scales;

  /** The scales of blocks, as they are kept. */
  private sealed interface Scales {
    record Plain(Tensor absmax) implements Scales {}

    /** The map is what the codes stand for. */
    record Nested(Tensor codes, Tensor absmax, long count, double offset, Tensor map)
        implements Scales {}
  }

  private Nf4Weight(Builder builder) {
    kernels = builder.kernels;
    table = builder.table;
    block = builder.block;
    rows = builder.rows;
    columns = builder.columns;
    bytes = scope.own(builder.bytes);
    packed = kernels.viewAsShorts(scope, bytes);
    float[] absmax = builder.absmax;
    Engine engine = kernels.engine();
    scales = builder.doubleQuantization ? nested(engine, absmax) : plain(engine, absmax);
  }

  private Nf4Weight(
      Kernels kernels,
      Nf4Table table,
      Quantization quantization,
      QuantizedShape shape,
      QuantizedSource source) {
    this.kernels = kernels;
    this.table = table;
    this.block = quantization.blockSize();
    this.rows = shape.rows();
    this.columns = shape.columns();
    Engine engine = kernels.engine();
    this.bytes = engine.empty(scope, ElementType.U8, shape.packed());
    this.packed = kernels.viewAsShorts(scope, bytes);
    source.copy(QuantizedShape.PACKED, bytes);
    if (quantization.doubleQuantization()) {
      Tensor codes = engine.empty(scope, ElementType.U8, shape.codes());
      source.copy(QuantizedShape.CODES, codes);
      Tensor nested = engine.empty(scope, ElementType.F32, shape.nested());
      source.copyFloats(QuantizedShape.NESTED, nested);
      float[] map = source.nestedMap();
      this.scales =
          new Scales.Nested(
              codes,
              nested,
              shape.scales(),
              source.number(QuantizedShape.OFFSET),
              Arrays.equals(map, DoubleQuantization.map())
                  ? table.nested()
                  : engine.floats(scope, map, map.length));
    } else {
      Tensor absmax = engine.empty(scope, ElementType.F32, shape.scales());
      source.copyFloats(QuantizedShape.ABSMAX, absmax);
      this.scales = new Scales.Plain(absmax);
    }
  }

  /**
   * Makes a weight of what {@link #kept} gave; the caller closes it.
   *
   * @param source fills the tensors, perhaps later; they must not be used before
   */
  public static Nf4Weight restore(
      Kernels kernels,
      Nf4Table table,
      Quantization quantization,
      QuantizedShape shape,
      QuantizedSource source) {
    return new Nf4Weight(kernels, table, quantization, shape, source);
  }

  /** Returns the tensors that are kept, by name; they stay this weight's. */
  public Map<String, Tensor> kept() {
    return switch (scales) {
      case Scales.Plain plain ->
          Map.of(QuantizedShape.PACKED, bytes, QuantizedShape.ABSMAX, plain.absmax());
      case Scales.Nested nested ->
          Map.of(
              QuantizedShape.PACKED,
              bytes,
              QuantizedShape.CODES,
              nested.codes(),
              QuantizedShape.NESTED,
              nested.absmax());
    };
  }

  /** Returns the mean of the scales, which is kept beside tensors, if they are quantized. */
  public OptionalDouble offset() {
    return switch (scales) {
      case Scales.Plain _ -> OptionalDouble.empty();
      case Scales.Nested nested -> OptionalDouble.of(nested.offset());
    };
  }

  /** Returns a builder, which takes the values of the weight. */
  public static Builder builder(
      Kernels kernels, Nf4Table table, long rows, long columns, Quantization quantization) {
    return new Builder(kernels, table, rows, columns, quantization);
  }

  /** Quantizes a weight whose values come in parts, so that they are never in memory as a whole. */
  public static final class Builder {
    private final Kernels kernels;
    private final Nf4Table table;
    private final int block;
    private final long rows;
    private final long columns;
    private final boolean doubleQuantization;
    private final float[] absmax;
    private final Tensor bytes;
    private int blocks;
    private long values;

    @SuppressWarnings("MustBeClosedChecker") // The weight owns the bytes.
    private Builder(
        Kernels kernels, Nf4Table table, long rows, long columns, Quantization quantization) {
      this.kernels = kernels;
      this.table = table;
      this.block = quantization.blockSize();
      this.rows = rows;
      this.columns = columns;
      this.doubleQuantization = quantization.doubleQuantization();
      this.absmax = new float[Math.toIntExact((rows * columns + block - 1) / block)];
      Scope scope = new Scope();
      this.bytes =
          scope.release(
              kernels.engine().empty(scope, ElementType.U8, (long) absmax.length * (block / 2)));
    }

    /**
     * Takes the next values in row-major order.
     *
     * @param part whole blocks, but for the last part
     * @param count how many of its values count
     */
    public Builder add(float[] part, int count) {
      Nf4.Quantized quantized =
          Nf4.quantize(count == part.length ? part : Arrays.copyOf(part, count), block);
      int size = quantized.absmax().length * (block / 2);
      byte[] packed =
          size == quantized.packed().length
              ? quantized.packed()
              : Arrays.copyOf(quantized.packed(), size);
      kernels.engine().write(bytes, (long) blocks * (block / 2), packed, size);
      System.arraycopy(quantized.absmax(), 0, absmax, blocks, quantized.absmax().length);
      blocks += quantized.absmax().length;
      values += count;
      return this;
    }

    /**
     * Returns the weight; the caller closes it.
     *
     * @throws IllegalStateException if values are missing
     */
    public Nf4Weight build() {
      if (values != rows * columns) {
        throw new IllegalStateException(
            "expected " + rows + " x " + columns + " values, got " + values);
      }
      return new Nf4Weight(this);
    }
  }

  private Scales plain(Engine engine, float[] absmax) {
    return new Scales.Plain(engine.floats(scope, absmax, absmax.length));
  }

  private Scales nested(Engine engine, float[] absmax) {
    DoubleQuantization.Quantized nested = DoubleQuantization.quantize(absmax, mean(engine, absmax));
    int count = nested.codes().length;
    int wholeBlocks = nested.absmax().length * DoubleQuantization.BLOCK;
    return new Scales.Nested(
        bytes(engine, scope, Arrays.copyOf(nested.codes(), wholeBlocks), wholeBlocks),
        engine.floats(scope, nested.absmax(), nested.absmax().length),
        count,
        nested.offset(),
        table.nested());
  }

  /** Returns the mean as libtorch sums it, which bitsandbytes' bytes depend on. */
  private float mean(Engine engine, float[] values) {
    try (Scope temporary = new Scope()) {
      return (float) kernels.mean(engine.floats(temporary, values, values.length));
    }
  }

  private static Tensor bytes(Engine engine, Scope scope, byte[] values, long... shape) {
    return engine.copyOf(scope, ByteBuffer.wrap(values), ElementType.U8, shape);
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
                    nested.map(),
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
