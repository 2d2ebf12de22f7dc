package dev.finetune.trainer.engine;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The operations that layers are made of. T is the number of tokens of a micro-batch; sequences lie
 * end to end, and {@code offsets} holds where each begins and where the last ends.
 *
 * <p>Every result belongs to the scope that is passed.
 */
public final class Kernels {

  /** Rows of a weight that are converted at a time for their norms: 4 MB at a width of 4096. */
  private static final int ROWS_OF_A_NORM = 256;

  private final Engine engine;
  private final ElementType type;

  /**
   * Makes the kernels of one precision.
   *
   * @param type type of activations and products, {@code F32} or {@code BF16}
   */
  public Kernels(Engine engine, ElementType type) {
    if (type != ElementType.F32 && type != ElementType.BF16) {
      throw new IllegalArgumentException("expected F32 or BF16, was " + type);
    }
    this.engine = engine;
    this.type = type;
  }

  /** Returns the engine. */
  public Engine engine() {
    return engine;
  }

  /** Returns the type of activations and products. */
  public ElementType type() {
    return type;
  }

  /** The result of a norm: {@code y} (T, width) and the inverse root mean square (T, 1). */
  public record Normalized(Tensor y, Tensor inverse) {}

  /** Two gradients. */
  public record Pair(Tensor first, Tensor second) {}

  /** Gradients to queries, keys and values. */
  public record AttentionGradients(Tensor q, Tensor k, Tensor v) {}

  /** Negative log-likelihoods (n) and the gradient of the scaled loss to the hidden states. */
  public record LossAndGradient(Tensor nll, Tensor hidden) {}

  /** Converts to the type of activations. */
  public Tensor toActivations(Scope scope, Tensor x) {
    return engine.call(scope, "cast", x, type.code());
  }

  /** Converts to {@code F32}. */
  public Tensor toFloat(Scope scope, Tensor x) {
    return engine.call(scope, "cast", x, ElementType.F32.code());
  }

  /** Reads pairs of packed bytes as 16-bit integers, sharing the memory. */
  public Tensor viewAsShorts(Scope scope, Tensor bytes) {
    return engine.viewAs(scope, bytes, ElementType.I16);
  }

  /** Returns a (rows, columns) view of elements from {@code start} of a flat tensor. */
  public Tensor view(Scope scope, Tensor flat, long start, long rows, long columns) {
    return engine.call(scope, "slice_view", flat, start, start + rows * columns, rows, columns);
  }

  /** Returns the same memory under another shape of as many elements. */
  public Tensor reshape(Scope scope, Tensor x, long... shape) {
    return engine.call(scope, "reshape", x, shape);
  }

  /**
   * Copies tensors of one type into one piece of memory.
   *
   * @param into flat tensor of that type with room for all
   * @param tensors the tensors; a null stays a null
   * @return views of the copies, in the same order and shapes
   */
  public @Nullable Tensor[] pack(Scope scope, Tensor into, @Nullable Tensor... tensors) {
    Tensor[] present = Arrays.stream(tensors).filter(Objects::nonNull).toArray(Tensor[]::new);
    long count = Arrays.stream(present).mapToLong(Tensor::elements).sum();
    try (Scope temporary = new Scope()) {
      engine.call(temporary, "pack", into, count, present);
    }
    @Nullable Tensor[] parts = new @Nullable Tensor[tensors.length];
    long start = 0;
    for (int i = 0; i < tensors.length; i++) {
      Tensor tensor = tensors[i];
      if (tensor != null) {
        long end = start + tensor.elements();
        parts[i] = engine.call(scope, "part", into, start, end, tensor.shape());
        start = end;
      }
    }
    return parts;
  }

  /** Returns x + y. */
  public Tensor add(Scope scope, Tensor x, Tensor y) {
    return engine.call(scope, "add", x, y);
  }

  /** Adds y to x, both of one type. */
  public void accumulate(Tensor x, Tensor y) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "accumulate", x, y);
    }
  }

  /** Overwrites x by the elements of y, converted to its type. */
  public void overwrite(Tensor x, Tensor y) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "overwrite", x, y);
    }
  }

  /** Sets every element. */
  public void fill(Tensor x, double value) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "fill", x, value);
    }
  }

  /** Returns the L2 norm; squares are summed in 64 bits, since an adapter has millions. */
  public double norm(Tensor x) {
    try (Scope scope = new Scope()) {
      return engine.call(scope, "norm", x).toFloats()[0];
    }
  }

  /** Returns the mean of the elements. */
  public double mean(Tensor x) {
    try (Scope scope = new Scope()) {
      return engine.call(scope, "mean", x).toFloats()[0];
    }
  }

  /** Looks rows of a table (vocabulary, width) up by token ids (T). */
  public Tensor embedding(Scope scope, Tensor table, Tensor ids) {
    return engine.call(scope, "embedding", table, ids);
  }

  /** Looks rows of a table of cosines or sines up by position: (T, 1, size / 2). */
  public Tensor rotations(Scope scope, Tensor table, Tensor positions) {
    return engine.call(scope, "rotations", table, positions, type.code());
  }

  /**
   * Dequantizes NF4 weights.
   *
   * @param packed pairs of bytes as 16-bit integers, padded to whole blocks
   * @param absmax scales, one a block
   * @param table the four weights of each pair of bytes (65536, 4)
   */
  public Tensor nf4(
      Scope scope, Tensor packed, Tensor absmax, Tensor table, int block, long rows, long columns) {
    return engine.call(scope, "nf4", packed, absmax, table, block, rows, columns, type.code());
  }

  /** Dequantizes the scales of double quantization. */
  public Tensor nestedAbsmax(
      Scope scope, Tensor codes, Tensor absmax, Tensor map, int block, long count, double offset) {
    return engine.call(scope, "nested_absmax", codes, absmax, map, block, count, offset);
  }

  /** Computes {@code x / rms(x) * weight} over the last dimension. */
  public Normalized rmsNorm(Scope scope, Tensor x, Tensor weight, double epsilon) {
    Tensor[] r = engine.callTuple(scope, "rms_norm", x, weight, epsilon, type.code());
    return new Normalized(r[0], r[1]);
  }

  /** Computes the norm again from the inverse root mean square that the forward pass kept. */
  public Tensor rmsNormAgain(Scope scope, Tensor x, Tensor inverse, Tensor weight) {
    return engine.call(scope, "rms_norm_again", x, inverse, weight, type.code());
  }

  /** Returns the gradient of {@link #rmsNorm} to x, in {@code F32}. */
  public Tensor rmsNormBackward(Scope scope, Tensor g, Tensor x, Tensor inverse, Tensor weight) {
    return engine.call(scope, "rms_norm_backward", g, x, inverse, weight);
  }

  /** Returns the gradient of {@link #rmsNorm} to x plus that of the residual stream. */
  public Tensor rmsNormBackward(
      Scope scope, Tensor residual, Tensor g, Tensor x, Tensor inverse, Tensor weight) {
    return engine.call(
        scope, "rms_norm_backward_added", residual, g, x, inverse, weight, type.code());
  }

  /** Returns the gradient of {@link #rmsNorm} to x in the type of activations. */
  public Tensor rmsNormGradient(Scope scope, Tensor g, Tensor x, Tensor inverse, Tensor weight) {
    return engine.call(scope, "rms_norm_backward_alone", g, x, inverse, weight, type.code());
  }

  /**
   * Computes {@code (x - mean) / deviation * weight + bias} over the last dimension; what it
   * returns as {@link Normalized#inverse} is the inverse of the deviation.
   */
  public Normalized layerNorm(Scope scope, Tensor x, Tensor weight, Tensor bias, double epsilon) {
    Tensor[] r = engine.callTuple(scope, "layer_norm", x, weight, bias, epsilon, type.code());
    return new Normalized(r[0], r[1]);
  }

  /** Computes the norm again from the inverse deviation that the forward pass kept. */
  public Tensor layerNormAgain(Scope scope, Tensor x, Tensor inverse, Tensor weight, Tensor bias) {
    return engine.call(scope, "layer_norm_again", x, inverse, weight, bias, type.code());
  }

  /** Returns the gradient of {@link #layerNorm} to x, in {@code F32}. */
  public Tensor layerNormBackward(Scope scope, Tensor g, Tensor x, Tensor inverse, Tensor weight) {
    return engine.call(scope, "layer_norm_backward", g, x, inverse, weight);
  }

  /** Returns the gradient of {@link #layerNorm} to x plus that of the residual stream. */
  public Tensor layerNormBackward(
      Scope scope, Tensor residual, Tensor g, Tensor x, Tensor inverse, Tensor weight) {
    return engine.call(
        scope, "layer_norm_backward_added", residual, g, x, inverse, weight, type.code());
  }

  /** Multiplies x by a number, which is rounded to the type of activations first. */
  public void scale(Tensor x, double factor) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "scale", x, rounded(factor));
    }
  }

  /** Returns x times a number, which is rounded to the type of activations first. */
  public Tensor scaled(Scope scope, Tensor x, double factor) {
    return engine.call(scope, "scaled", x, rounded(factor));
  }

  private double rounded(double factor) {
    return type == ElementType.BF16 ? Engine.roundToBfloat16((float) factor) : (float) factor;
  }

  /** Returns a view of the columns {@code start} to {@code end - 1} of x (T, width). */
  public Tensor columns(Scope scope, Tensor x, long start, long end) {
    return engine.call(scope, "columns_view", x, start, end);
  }

  /** Returns a view of the rows {@code start} to {@code end - 1} of x. */
  public Tensor rows(Scope scope, Tensor x, long start, long end) {
    return engine.call(scope, "rows_view", x, start, end);
  }

  /** Returns matrices of as many rows side by side. */
  public Tensor joinColumns(Scope scope, Tensor... parts) {
    return engine.call(scope, "join_columns", (Object) parts);
  }

  /** Computes {@code x W'}: x is (T, in), W (out, in). */
  public Tensor linear(Scope scope, Tensor x, Tensor w) {
    return engine.call(scope, "linear", x, w);
  }

  /** Returns the gradient to x: {@code g W}. */
  public Tensor linearBackward(Scope scope, Tensor g, Tensor w) {
    return engine.call(scope, "linear_backward", g, w);
  }

  /** Returns an uninitialized tensor of the shape and type of x. */
  public Tensor emptyLike(Scope scope, Tensor x) {
    return engine.call(scope, "empty_like", x);
  }

  /**
   * Computes {@code d A'}, the first half of low-rank updates: d is their input (T, in) after
   * dropout, A (sum of ranks, in).
   */
  public Tensor loraLow(Scope scope, Tensor dropped, Tensor a) {
    return engine.call(scope, "lora_low", dropped, a);
  }

  /**
   * Columns of one low-rank update among those of all updates with its input.
   *
   * @param start first of its columns
   * @param end column after its last
   * @param b B (out, rank)
   * @param scaling factor of the update
   */
  public record LowRank(long start, long end, Tensor b, double scaling) {}

  /**
   * Computes {@code x W' + scaling low B'}.
   *
   * @param low result of {@link #loraLow}, of which only the update's columns count
   * @see <a href="https://arxiv.org/abs/2106.09685">LoRA, section 4.1</a>
   */
  public Tensor lora(Scope scope, Tensor x, Tensor w, Tensor low, LowRank update) {
    return engine.call(
        scope, "lora", x, w, low, update.start(), update.end(), update.b(), update.scaling());
  }

  /**
   * Writes {@code scaling g B}, the gradient to the update's columns of {@code low}, into the same
   * columns of {@code up} and adds the gradient to B.
   *
   * @param up (T, sum of ranks), in the type of activations
   * @param g gradient to the output (T, out)
   * @param gradientB (out, rank), {@code F32}
   */
  public void loraUp(Tensor up, Tensor g, Tensor low, LowRank update, Tensor gradientB) {
    try (Scope scope = new Scope()) {
      engine.call(
          scope,
          "lora_up",
          up,
          g,
          low,
          update.start(),
          update.end(),
          update.b(),
          update.scaling(),
          gradientB);
    }
  }

  /**
   * Adds {@code g' x} to an {@code F32} tensor. In {@code BF16} the product is rounded once, as
   * every gradient of that precision is.
   */
  public void accumulateGradient(Tensor sum, Tensor g, Tensor x) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "accumulate_gradient", sum, g, x, 1.0);
    }
  }

  /** Adds {@code x y} to a tensor of the same type. */
  public void accumulateProduct(Tensor sum, Tensor x, Tensor y) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "accumulate_product", sum, x, y);
    }
  }

  /**
   * Computes {@code x W' + scale (d W' + scaling low B') - d W'}: DoRA where the input of the
   * update d is not x.
   *
   * @param scale factor of each output (out), {@code F32}
   * @see <a href="https://arxiv.org/abs/2402.09353">DoRA, section 4.3</a>
   */
  public Tensor dora(
      Scope scope, Tensor x, Tensor dropped, Tensor w, Tensor low, LowRank update, Tensor scale) {
    return engine.call(
        scope,
        "dora",
        x,
        dropped,
        w,
        low,
        update.start(),
        update.end(),
        update.b(),
        update.scaling(),
        scale);
  }

  /** Multiplies each column of x (T, out) by its factor (out), {@code F32}. */
  public void scaleColumns(Tensor x, Tensor scale) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "scale_columns", x, scale);
    }
  }

  /** Returns x (T, out) with each column multiplied by its factor (out) less {@code offset}. */
  public Tensor scaledColumns(Scope scope, Tensor x, Tensor scale, double offset) {
    return engine.call(scope, "scaled_columns", x, scale, offset, type.code());
  }

  /** Returns x / y of two {@code F32} vectors. */
  public Tensor divide(Scope scope, Tensor x, Tensor y) {
    return engine.call(scope, "divide", x, y);
  }

  /**
   * Computes the L2 norm of each row of {@code W + scaling B A} in {@code F32}, some rows at a
   * time.
   *
   * @param norms (out), overwritten
   * @param w (out, in), of any type
   * @param a (rank, in), {@code F32}
   * @param b (out, rank), {@code F32}
   */
  public void rowNorms(Tensor norms, Tensor w, Tensor a, Tensor b, double scaling) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "row_norms", norms, w, a, b, scaling, ROWS_OF_A_NORM);
    }
  }

  /** Adds {@code sum over T of g x inverse}, the gradient to a norm's weight, to a vector. */
  public void accumulateNorm(Tensor sum, Tensor g, Tensor x, Tensor inverse) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "accumulate_norm", sum, g, x, inverse);
    }
  }

  /** Adds row i of g (T, width) to row {@code rows[i]} of an {@code F32} table, in order. */
  public void accumulateRows(Tensor table, Tensor rows, Tensor g) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "accumulate_rows", table, rows, g);
    }
  }

  /** Adds {@code scaling B A} at the columns ids to x (T, width): A is (rank, vocabulary). */
  public void updateEmbedding(Tensor x, Tensor ids, Tensor a, Tensor b, double scaling) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "update_embedding", x, ids, a, b, scaling);
    }
  }

  /**
   * Adds the gradients of {@link #updateEmbedding}.
   *
   * @param g gradient to x (T, width)
   * @param update A and B
   * @param gradients the gradients to A and B, {@code F32}
   */
  public void updateEmbeddingBackward(
      Tensor g, Tensor ids, Pair update, Pair gradients, double scaling) {
    try (Scope scope = new Scope()) {
      engine.call(
          scope,
          "update_embedding_backward",
          g,
          ids,
          update.first(),
          update.second(),
          gradients.first(),
          gradients.second(),
          scaling);
    }
  }

  /** A weight in parts: {@code W = scaling B A + rest}. */
  public record Components(Tensor a, Tensor b, Tensor rest) {}

  /**
   * Decomposes a weight by its largest singular values.
   *
   * @param w (out, in), {@code F32}
   * @param rank number of singular values, at most min(out, in)
   * @param scaling factor of {@code B A}
   * @return A (rank, in), B (out, rank) and the rest (out, in), {@code F32}
   * @see <a href="https://arxiv.org/abs/2404.02948">PiSSA, section 3</a>
   */
  public Components principalComponents(Scope scope, Tensor w, int rank, double scaling) {
    Tensor[] r = engine.callTuple(scope, "principal_components", w, rank, scaling);
    return new Components(r[0], r[1], r[2]);
  }

  /** Adds {@code sum over T of g y / norm} to an {@code F32} vector (out). */
  public void accumulateMagnitude(Tensor sum, Tensor g, Tensor y, Tensor norm) {
    try (Scope scope = new Scope()) {
      engine.call(scope, "accumulate_magnitude", sum, g, y, norm);
    }
  }

  /** Returns {@code x * keep * scale}, keep being bytes of 0 and 1. Its gradient is itself. */
  public Tensor dropout(Scope scope, Tensor x, Tensor keep, double scale) {
    return engine.call(scope, "dropout", x, keep, scale, type.code());
  }

  /** Computes {@code silu(gate) * up}. */
  public Tensor swiglu(Scope scope, Tensor gate, Tensor up) {
    return engine.call(scope, "swiglu", gate, up);
  }

  /** Returns the gradients to gate and up. */
  public Pair swigluBackward(Scope scope, Tensor g, Tensor gate, Tensor up) {
    Tensor[] r = engine.callTuple(scope, "swiglu_backward", g, gate, up);
    return new Pair(r[0], r[1]);
  }

  /** Computes {@code gelu(gate) * up}, GELU being approximated by a hyperbolic tangent. */
  public Tensor geglu(Scope scope, Tensor gate, Tensor up) {
    return engine.call(scope, "geglu", gate, up);
  }

  /** Returns the gradients of {@link #geglu} to gate and up. */
  public Pair gegluBackward(Scope scope, Tensor g, Tensor gate, Tensor up) {
    Tensor[] r = engine.callTuple(scope, "geglu_backward", g, gate, up);
    return new Pair(r[0], r[1]);
  }

  /** Computes GELU, approximated by a hyperbolic tangent. */
  public Tensor gelu(Scope scope, Tensor x) {
    return engine.call(scope, "gelu", x);
  }

  /** Returns the gradient of {@link #gelu}. */
  public Tensor geluBackward(Scope scope, Tensor g, Tensor x) {
    return engine.call(scope, "gelu_backward", g, x);
  }

  /**
   * Rotates the first {@code rotary} elements of each head and leaves the others.
   *
   * @param sign 1, or -1 for the gradient
   */
  public Tensor rotatePart(
      Scope scope, Tensor x, int heads, int size, int rotary, Tensor cos, Tensor sin, double sign) {
    return engine.call(scope, "rotate_part", x, heads, size, rotary, cos, sin, sign);
  }

  /** Rotates halves of each head by position: x (T, heads * size) becomes (T, heads, size). */
  public Tensor rotate(Scope scope, Tensor x, int heads, int size, Tensor cos, Tensor sin) {
    return engine.call(scope, "rotate", x, heads, size, cos, sin, 1.0);
  }

  /** Returns the gradient of {@link #rotate}: the rotation back. */
  public Tensor rotateBackward(Scope scope, Tensor g, int heads, int size, Tensor cos, Tensor sin) {
    return engine.call(scope, "rotate", g, heads, size, cos, sin, -1.0);
  }

  /**
   * Causal attention of each sequence by itself, {@code softmax(q k' / sqrt(size)) v}.
   *
   * <p>A block of queries at a time meets the keys up to its end, so the half that is masked is
   * never computed, and scores exist for one block only. The heads that share keys are rows of one
   * product.
   *
   * @param q (T, heads, size)
   * @param k (T, heads that share keys, size); heads is a multiple of it
   * @param v as k
   * @return (T, heads, size)
   */
  public Tensor attention(Scope scope, Tensor q, Tensor k, Tensor v, long[] offsets) {
    return engine.call(scope, "attention", q, k, v, offsets, Tiles.QUERIES, scale(q));
  }

  private static double scale(Tensor q) {
    return 1 / Math.sqrt(q.size(2));
  }

  /**
   * How scores of attention come about.
   *
   * @param scale what products of queries and keys are multiplied by
   * @param softCap largest size of a score, {@code cap tanh(x / cap)}; 0 for none
   * @param window how many tokens a token sees, itself included; 0 for all before it
   */
  public record Scores(double scale, double softCap, long window) {
    private boolean plain() {
      return softCap == 0 && window == 0;
    }

    private long reach() {
      return window == 0 ? Integer.MAX_VALUE : window;
    }
  }

  /**
   * Attention as {@link #attention(Scope, Tensor, Tensor, Tensor, long[])}, with scores of another
   * kind. Keys that no query of a block sees are left out of its products.
   */
  public Tensor attention(
      Scope scope, Tensor q, Tensor k, Tensor v, long[] offsets, Scores scores) {
    if (scores.plain()) {
      return engine.call(scope, "attention", q, k, v, offsets, Tiles.QUERIES, scores.scale());
    }
    return engine.call(
        scope,
        "attention_by_windows",
        q,
        k,
        v,
        offsets,
        Tiles.QUERIES,
        scores.scale(),
        scores.softCap(),
        scores.reach());
  }

  /** Returns the gradients of attention with scores of another kind. */
  public AttentionGradients attentionBackward(
      Scope scope, Tensor g, Tensor q, Tensor k, Tensor v, long[] offsets, Scores scores) {
    Tensor[] r =
        scores.plain()
            ? engine.callTuple(
                scope, "attention_backward", g, q, k, v, offsets, Tiles.QUERIES, scores.scale())
            : engine.callTuple(
                scope,
                "attention_backward_by_windows",
                g,
                q,
                k,
                v,
                offsets,
                Tiles.QUERIES,
                scores.scale(),
                scores.softCap(),
                scores.reach());
    return new AttentionGradients(r[0], r[1], r[2]);
  }

  /**
   * Attention of the last token to tokens of its sequence.
   *
   * @param k keys of all tokens that it sees; the window of the scores does not matter
   */
  public Tensor attendToAll(Scope scope, Tensor q, Tensor k, Tensor v, Scores scores) {
    if (scores.softCap() == 0 && scores.scale() == scale(q)) {
      return attendToAll(scope, q, k, v, Math.toIntExact(q.size(1) / k.size(1)));
    }
    return engine.call(scope, "attend_to_all_bounded", q, k, v, scores.scale(), scores.softCap());
  }

  /**
   * Attention of the last token to all tokens of its sequence.
   *
   * @param q (1, heads, size)
   * @param k (T, heads / repeat, size)
   */
  public Tensor attendToAll(Scope scope, Tensor q, Tensor k, Tensor v, int repeat) {
    return engine.call(scope, "attend_to_all", q, k, v, repeat);
  }

  /** Returns a copy. */
  public Tensor copy(Scope scope, Tensor x) {
    return engine.call(scope, "copy", x);
  }

  /**
   * Copies x into rows from {@code start} and returns all rows up to its last, sharing the memory.
   *
   * @param rows (n, heads, size), with room for x
   * @param x (T, heads, size), of the same type
   */
  public Tensor append(Scope scope, Tensor rows, long start, Tensor x) {
    return engine.call(scope, "append", rows, start, x);
  }

  /**
   * Returns the gradients of {@link #attention}. The probabilities are computed again.
   *
   * @param g gradient to the output (T, heads, size)
   */
  public AttentionGradients attentionBackward(
      Scope scope, Tensor g, Tensor q, Tensor k, Tensor v, long[] offsets) {
    Tensor[] r =
        engine.callTuple(scope, "attention_backward", g, q, k, v, offsets, Tiles.QUERIES, scale(q));
    return new AttentionGradients(r[0], r[1], r[2]);
  }

  /** Returns the rows (n, width) of x at these places. */
  public Tensor selectRows(Scope scope, Tensor x, Tensor rows) {
    return engine.call(scope, "select_rows", x, rows);
  }

  /**
   * Returns zeros like {@code like} with these rows put in: the gradient of {@link #selectRows}.
   */
  public Tensor scatterRows(Scope scope, Tensor like, Tensor rows, Tensor x) {
    return engine.call(scope, "scatter_rows", like, rows, x, type.code());
  }

  /**
   * A low-rank update of the output layer: its logits are {@code h W' + scaling low B'}.
   *
   * @param low {@code h A'} (n, rank)
   * @param up (n, rank), overwritten by the gradient to {@code low}
   * @param b B (vocabulary, rank)
   * @param gradientB (vocabulary, rank), {@code F32}, added to with the gradient
   */
  public record OutputUpdate(Tensor low, Tensor up, Tensor b, Tensor gradientB, double scaling) {}

  private static Tensor[] tensors(@Nullable OutputUpdate update) {
    return update == null
        ? new Tensor[0]
        : new Tensor[] {update.low(), update.b(), update.up(), update.gradientB()};
  }

  private static double scaling(@Nullable OutputUpdate update) {
    return update == null ? 0 : update.scaling();
  }

  /** Negative log-likelihoods of labels (n), and 1 where no token is likelier (n), {@code F32}. */
  public record Likelihoods(Tensor nll, Tensor likeliest) {}

  /** Returns how likely labels (n) are under the logits of h. */
  public Likelihoods crossEntropy(
      Scope scope, Tensor h, Tensor w, @Nullable OutputUpdate update, Tensor labels) {
    return crossEntropy(scope, h, w, update, labels, 0);
  }

  /**
   * Returns how likely labels (n) are under the logits of h.
   *
   * @param softCap largest size of a logit, {@code cap tanh(x / cap)}; 0 for none
   */
  public Likelihoods crossEntropy(
      Scope scope,
      Tensor h,
      Tensor w,
      @Nullable OutputUpdate update,
      Tensor labels,
      double softCap) {
    Tensor[] r =
        engine.callTuple(
            scope,
            "cross_entropy",
            h,
            w,
            tensors(update),
            scaling(update),
            softCap,
            labels,
            logitRows(w),
            Tiles.probabilityRows(w.size(0)));
    return new Likelihoods(r[0], r[1]);
  }

  /**
   * Returns negative log-likelihoods and the gradient to h of {@code scale} times the sum of the
   * losses. Logits exist for one chunk of rows at a time, in 32-bit precision for a tile of it.
   *
   * @param smoothing share of a label's probability that is spread evenly over all tokens; the
   *     gradient is that of the smoothed loss, the negative log-likelihoods are plain
   * @param gradientW gradient to W (vocabulary, width), {@code F32}, which is added to; or null
   */
  public LossAndGradient crossEntropyGradient(
      Scope scope,
      Tensor h,
      Tensor w,
      @Nullable OutputUpdate update,
      Tensor labels,
      double scale,
      double smoothing,
      @Nullable Tensor gradientW) {
    return crossEntropyGradient(
        scope, h, w, update, labels, new Target(scale, smoothing, 0), gradientW);
  }

  /**
   * What a loss is made of beside its logits.
   *
   * @param scale factor of the loss
   * @param smoothing share of a label's probability that is spread evenly over all tokens
   * @param softCap largest size of a logit, {@code cap tanh(x / cap)}; 0 for none
   */
  public record Target(double scale, double smoothing, double softCap) {}

  /** Does the same for logits that may be bounded. */
  public LossAndGradient crossEntropyGradient(
      Scope scope,
      Tensor h,
      Tensor w,
      @Nullable OutputUpdate update,
      Tensor labels,
      Target target,
      @Nullable Tensor gradientW) {
    Tensor[] trained = gradientW == null ? new Tensor[0] : new Tensor[] {gradientW};
    Tensor[] r =
        engine.callTuple(
            scope,
            "cross_entropy_gradient",
            h,
            w,
            tensors(update),
            scaling(update),
            target.softCap(),
            labels,
            logitRows(w),
            Tiles.probabilityRows(w.size(0)),
            target.scale(),
            1 - target.smoothing(),
            target.smoothing() / w.size(0),
            trained);
    return new LossAndGradient(r[0], r[1]);
  }

  /** Output layer of a frozen model, and the normalized states (n, width) that it is applied to. */
  public record BaseOutput(Tensor h, Tensor w, double softCap) {}

  /**
   * Returns the divergence (n) of the next-token distributions of two models, {@code KL(base ||
   * tuned)} in nats, and the gradient to h of {@code scale} times their sum. Logits of both exist
   * for one chunk of rows at a time, in 32-bit precision for a tile of it.
   *
   * @param gradientW gradient to W (vocabulary, width), {@code F32}, which is added to; or null
   */
  public LossAndGradient divergenceGradient(
      Scope scope,
      Tensor h,
      Tensor w,
      @Nullable OutputUpdate update,
      BaseOutput base,
      double scale,
      @Nullable Tensor gradientW) {
    Tensor[] trained = gradientW == null ? new Tensor[0] : new Tensor[] {gradientW};
    Tensor[] r =
        engine.callTuple(
            scope,
            "divergence_gradient",
            h,
            w,
            tensors(update),
            scaling(update),
            base.softCap(),
            base.h(),
            base.w(),
            logitRows(w),
            Tiles.probabilityRows(w.size(0)),
            scale,
            trained);
    return new LossAndGradient(r[0], r[1]);
  }

  private long logitRows(Tensor w) {
    return Tiles.logitRows(type, w.size(0));
  }

  /** Returns the logits in {@code F32}. */
  public Tensor logits(Scope scope, Tensor h, Tensor w, @Nullable OutputUpdate update) {
    return logits(scope, h, w, update, 0);
  }

  /**
   * Returns the logits in {@code F32}.
   *
   * @param softCap largest size of a logit, {@code cap tanh(x / cap)}; 0 for none
   */
  public Tensor logits(
      Scope scope, Tensor h, Tensor w, @Nullable OutputUpdate update, double softCap) {
    return engine.call(scope, "logits", h, w, tensors(update), scaling(update), softCap);
  }

  /**
   * Elements of the flat {@code F32} parameters and gradients of an adapter. Optimizers change the
   * parameters in place and leave the gradients alone.
   *
   * @param start place of the first
   * @param elements how many they are
   */
  public record Flat(Tensor parameters, Tensor gradients, long start, long elements) {}

  /**
   * One step of AdamW on the elements of {@code flat}. Nothing is allocated but, where gradients
   * are clipped, {@link Tiles#NUMBERS} numbers.
   *
   * @param m first moment, flat, {@code F32}
   * @param v second moment, flat, {@code F32}
   * @param state place of the elements' moments in m and v
   */
  public void adamW(Flat flat, Tensor m, Tensor v, long state, AdamStep step) {
    long chunk = step.clip() == 1 ? Math.max(1, flat.elements()) : Tiles.NUMBERS;
    try (Scope scope = new Scope()) {
      engine.call(
          scope,
          "adamw",
          flat.parameters(),
          flat.gradients(),
          m,
          v,
          flat.start(),
          state,
          flat.elements(),
          chunk,
          step.clip(),
          step.learningRate(),
          step.weightDecay(),
          step.beta1(),
          step.beta2(),
          step.epsilon(),
          step.step());
    }
  }

  /** One step of gradient descent: the parameters lose rate times gradient and decayed self. */
  public void sgd(Flat flat, double clip, double rate, double decay) {
    try (Scope scope = new Scope()) {
      engine.call(
          scope,
          "sgd",
          flat.parameters(),
          flat.gradients(),
          flat.start(),
          flat.elements(),
          Tiles.NUMBERS,
          clip,
          rate,
          decay);
    }
  }

  /**
   * One step of gradient descent with momentum.
   *
   * @param velocity laid out as the parameters
   */
  public void sgdWithMomentum(
      Flat flat, Tensor velocity, double clip, double rate, double decay, double momentum) {
    try (Scope scope = new Scope()) {
      engine.call(
          scope,
          "sgd_momentum",
          flat.parameters(),
          flat.gradients(),
          velocity,
          flat.start(),
          flat.elements(),
          Tiles.NUMBERS,
          clip,
          rate,
          decay,
          momentum);
    }
  }

  /**
   * The numbers of one step of Adafactor.
   *
   * @param clip factor of the gradients
   * @param beta share of the old mean squares
   */
  public record AdafactorStep(double clip, double learningRate, double weightDecay, double beta) {}

  /**
   * Mean squares of a matrix by row and by column, as parts of flat tensors.
   *
   * @param firstRow place of the first row's in {@code byRow}
   * @param firstColumn place of the first column's in {@code byColumn}
   */
  public record Factored(
      Tensor byRow, Tensor byColumn, long firstRow, long firstColumn, long rows, long columns) {}

  /** One step of Adafactor on a matrix; two temporaries of its size are allocated. */
  public void adafactor(Flat flat, Factored state, AdafactorStep step) {
    try (Scope scope = new Scope()) {
      engine.call(
          scope,
          "adafactor_matrix",
          flat.parameters(),
          flat.gradients(),
          state.byRow(),
          state.byColumn(),
          flat.start(),
          state.firstRow(),
          state.firstColumn(),
          state.rows(),
          state.columns(),
          step.clip(),
          step.learningRate(),
          step.weightDecay(),
          step.beta(),
          Math.sqrt(flat.elements()));
    }
  }

  /** One step of Adafactor on a vector, whose mean squares begin at {@code first}. */
  public void adafactor(Flat flat, Tensor squares, long first, AdafactorStep step) {
    try (Scope scope = new Scope()) {
      engine.call(
          scope,
          "adafactor_vector",
          flat.parameters(),
          flat.gradients(),
          squares,
          flat.start(),
          first,
          flat.elements(),
          step.clip(),
          step.learningRate(),
          step.weightDecay(),
          step.beta(),
          Math.sqrt(flat.elements()));
    }
  }

  /** A moment in 8 bits: codes (U8) and the scales of their blocks (F32), both flat. */
  public record Coded(Tensor codes, Tensor scales) {}

  /**
   * Where the codes of some elements lie.
   *
   * @param size elements that share a scale; it divides their number
   * @param firstCode place of the first code
   * @param firstScale place of the first scale
   */
  public record Blocks(int size, long firstCode, long firstScale) {}

  /** Values of the two maps, ascending, and the largest numbers that are rounded to each. */
  public record DynamicMaps(
      Tensor signed, Tensor signedLimits, Tensor unsigned, Tensor unsignedLimits) {}

  /**
   * One step of AdamW with moments of 8 bits, in chunks of about {@link Tiles#NUMBERS} elements.
   */
  public void adamW8bit(
      Flat flat, Coded first, Coded second, Blocks blocks, DynamicMaps maps, AdamStep step) {
    Tensor[] tables = {maps.signed(), maps.signedLimits(), maps.unsigned(), maps.unsignedLimits()};
    try (Scope scope = new Scope()) {
      engine.call(
          scope,
          "adamw_8bit",
          flat.parameters(),
          flat.gradients(),
          first.codes(),
          first.scales(),
          second.codes(),
          second.scales(),
          tables,
          flat.start(),
          flat.elements(),
          blocks.size(),
          blocks.firstCode(),
          blocks.firstScale(),
          Tiles.NUMBERS / blocks.size(),
          step.clip(),
          1 - step.learningRate() * step.weightDecay(),
          step.beta1(),
          step.beta2(),
          step.learningRate() / (1 - Math.pow(step.beta1(), step.step())),
          Math.sqrt(1 - Math.pow(step.beta2(), step.step())),
          step.epsilon());
    }
  }
}
