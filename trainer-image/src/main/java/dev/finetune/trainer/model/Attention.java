package dev.finetune.trainer.model;

import dev.finetune.trainer.basemodel.DecoderTraits;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraAdapter;
import org.jspecify.annotations.Nullable;

/**
 * The first half of a block: {@code x + o(attention(rope(q(h)), rope(k(h)), v(h)))}, h being the
 * norm of x. Some families have norms of each head of queries and keys, or of what is added to x.
 */
final class Attention implements AutoCloseable {
  private final Kernels kernels;
  private final ModelConfig config;
  private final Weights weights;
  private final DecoderTraits.Positions positions;
  private final Kernels.Scores scores;

  /**
   * The weights.
   *
   * @param norm of the input (hidden)
   * @param queryNorm of each head of queries (size), or null
   * @param keyNorm of each head of keys (size), or null
   * @param outputNorm of what is added to the input (hidden), or null
   * @param queryKeyValue three layers, or one of which the three outputs lie side by side
   */
  record Weights(
      NormWeight norm,
      @Nullable NormWeight queryNorm,
      @Nullable NormWeight keyNorm,
      @Nullable NormWeight outputNorm,
      LinearGroup queryKeyValue,
      LinearGroup output) {}

  Attention(Kernels kernels, ModelConfig config, Weights weights) {
    this.kernels = kernels;
    this.config = config;
    this.weights = weights;
    DecoderTraits.Layer layer = config.layer(weights.queryKeyValue().layer());
    this.positions = layer.positions();
    this.scores =
        new Kernels.Scores(
            config.attentionScale(), config.traits().attention().softCap(), layer.window());
  }

  /**
   * What the backward pass needs.
   *
   * @param inverse statistic of the norm of x; the others are null where there is no such norm
   * @param q queries, rotated; if their heads have a norm, as they came from their layer
   * @param k keys, alike
   * @param output what the norm of the output was made of, or null
   */
  record Saved(
      Tensor inverse,
      @Nullable Tensor queryInverse,
      @Nullable Tensor keyInverse,
      @Nullable Tensor outputInverse,
      Tensor x,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor attended,
      @Nullable Tensor output,
      @Nullable Tensor lowQueryKeyValue,
      @Nullable Tensor lowOutput) {}

  /** The output of this half (T, hidden), and what its backward pass needs. */
  record Result(Tensor y, Saved saved) {}

  /**
   * Queries or keys: as they are kept, the statistic of their norm, and as attention takes them.
   */
  private record Heads(Tensor kept, @Nullable Tensor inverse, Tensor rotated) {}

  /**
   * Computes this half.
   *
   * @param x (T, hidden)
   * @return tensors owned by the scope
   */
  Result forward(Scope scope, Tensor x, Pass pass) {
    int keyValueHeads = config.keyValueHeads();
    long tokens = pass.batch().tokens();
    LoraAdapter adapter = pass.adapter();
    Kernels.Normalized h = weights.norm().forward(scope, x, adapter);
    LinearGroup.Outputs qkv = weights.queryKeyValue().forward(scope, h.y(), pass);
    Tensor[] parts = split(scope, qkv.y());
    Heads q = heads(scope, parts[0], config.attentionHeads(), weights.queryNorm(), pass);
    Heads k = heads(scope, parts[1], keyValueHeads, weights.keyNorm(), pass);
    Tensor v = kernels.reshape(scope, parts[2], tokens, keyValueHeads, config.headSize());
    Tensor attended = attend(scope, q.rotated(), k.rotated(), v, pass);
    Tensor flat = kernels.reshape(scope, attended, tokens, config.queryWidth());
    LinearGroup.Outputs o = weights.output().forward(scope, flat, pass);
    NormWeight outputNorm = weights.outputNorm();
    Kernels.Normalized normalized =
        outputNorm == null ? null : outputNorm.forward(scope, o.y()[0], adapter);
    Tensor y = normalized == null ? o.y()[0] : normalized.y();
    kernels.accumulate(y, x);
    return new Result(
        y,
        new Saved(
            h.inverse(),
            q.inverse(),
            k.inverse(),
            normalized == null ? null : normalized.inverse(),
            x,
            q.kept(),
            k.kept(),
            v,
            attended,
            normalized == null ? null : o.y()[0],
            qkv.low(),
            o.low()));
  }

  private Tensor[] split(Scope scope, Tensor[] outputs) {
    if (outputs.length > 1) {
      return outputs;
    }
    long query = config.queryWidth();
    long keyValue = config.keyValueWidth();
    return new Tensor[] {
      kernels.columns(scope, outputs[0], 0, query),
      kernels.columns(scope, outputs[0], query, query + keyValue),
      kernels.columns(scope, outputs[0], query + keyValue, query + 2 * keyValue)
    };
  }

  private Heads heads(Scope scope, Tensor x, int count, @Nullable NormWeight norm, Pass pass) {
    if (norm == null) {
      Tensor rotated = rotate(scope, x, count, pass);
      return new Heads(rotated, null, rotated);
    }
    Tensor heads = kernels.reshape(scope, x, pass.batch().tokens(), count, config.headSize());
    Kernels.Normalized normalized = norm.forward(scope, heads, pass.adapter());
    return new Heads(heads, normalized.inverse(), rotate(scope, normalized.y(), count, pass));
  }

  private Tensor rotate(Scope scope, Tensor x, int count, Pass pass) {
    Rotation rotation = pass.rotations().of(positions);
    int size = config.headSize();
    if (rotation == null) {
      return kernels.reshape(scope, x, pass.batch().tokens(), count, size);
    }
    int rotary = config.rotarySize();
    return rotary == size
        ? kernels.rotate(scope, x, count, size, rotation.cos(), rotation.sin())
        : kernels.rotatePart(scope, x, count, size, rotary, rotation.cos(), rotation.sin(), 1);
  }

  private Tensor rotateBackward(Scope scope, Tensor g, int count, Pass pass) {
    Rotation rotation = pass.rotations().of(positions);
    int size = config.headSize();
    if (rotation == null) {
      return g;
    }
    int rotary = config.rotarySize();
    return rotary == size
        ? kernels.rotateBackward(scope, g, count, size, rotation.cos(), rotation.sin())
        : kernels.rotatePart(scope, g, count, size, rotary, rotation.cos(), rotation.sin(), -1);
  }

  private Tensor attend(Scope scope, Tensor q, Tensor k, Tensor v, Pass pass) {
    KeyValueCache cache = pass.cache();
    if (cache == null) {
      return kernels.attention(scope, q, k, v, pass.batch().offsets(), scores);
    }
    KeyValueCache.Attendable all = cache.append(scope, weights.queryKeyValue().layer(), k, v);
    long tokens = all.keys().size(0);
    if (tokens == q.size(0)) {
      return kernels.attention(scope, q, k, v, pass.batch().offsets(), scores);
    }
    if (scores.window() == 0 || tokens <= scores.window()) {
      return kernels.attendToAll(scope, q, all.keys(), all.values(), scores);
    }
    return kernels.attendToAll(
        scope,
        q,
        kernels.rows(scope, all.keys(), tokens - scores.window(), tokens),
        kernels.rows(scope, all.values(), tokens - scores.window(), tokens),
        scores);
  }

  /**
   * Adds the gradients of the updates to the adapter and returns the gradient to x.
   *
   * @param scope owner of what is returned
   * @param temporary owner of everything else
   * @param g gradient to the output of this half (T, hidden)
   */
  Tensor backward(Scope scope, Scope temporary, Tensor g, Pass pass, Saved s) {
    long tokens = pass.batch().tokens();
    LoraAdapter adapter = pass.adapter();
    Tensor dOutput = outputBackward(temporary, g, pass, s);
    Tensor flat = kernels.reshape(temporary, s.attended(), tokens, config.queryWidth());
    Tensor dFlat =
        weights.output().backward(temporary, new Tensor[] {dOutput}, flat, s.lowOutput(), pass);
    Kernels.AttentionGradients d =
        kernels.attentionBackward(
            temporary,
            kernels.reshape(temporary, dFlat, tokens, config.attentionHeads(), config.headSize()),
            again(temporary, s.q(), s.queryInverse(), weights.queryNorm(), pass),
            again(temporary, s.k(), s.keyInverse(), weights.keyNorm(), pass),
            s.v(),
            pass.batch().offsets(),
            scores);
    Tensor dq = headsBackward(temporary, d.q(), s.q(), s.queryInverse(), weights.queryNorm(), pass);
    Tensor dk = headsBackward(temporary, d.k(), s.k(), s.keyInverse(), weights.keyNorm(), pass);
    Tensor h = weights.norm().again(temporary, s.x(), s.inverse(), adapter);
    Tensor dh =
        weights
            .queryKeyValue()
            .backward(temporary, joined(temporary, dq, dk, d.v()), h, s.lowQueryKeyValue(), pass);
    weights.norm().accumulate(adapter, dh, s.x(), s.inverse());
    return weights.norm().backward(scope, g, dh, s.x(), s.inverse(), adapter);
  }

  private Tensor outputBackward(Scope scope, Tensor g, Pass pass, Saved s) {
    NormWeight norm = weights.outputNorm();
    if (norm == null || s.output() == null || s.outputInverse() == null) {
      return g;
    }
    norm.accumulate(pass.adapter(), g, s.output(), s.outputInverse());
    return norm.backward(scope, g, s.output(), s.outputInverse(), pass.adapter());
  }

  /** Returns queries or keys as attention took them. */
  private Tensor again(
      Scope scope, Tensor kept, @Nullable Tensor inverse, @Nullable NormWeight norm, Pass pass) {
    if (norm == null || inverse == null) {
      return kept;
    }
    Tensor normalized = norm.again(scope, kept, inverse, pass.adapter());
    return rotate(scope, normalized, Math.toIntExact(kept.size(1)), pass);
  }

  private Tensor headsBackward(
      Scope scope,
      Tensor g,
      Tensor kept,
      @Nullable Tensor inverse,
      @Nullable NormWeight norm,
      Pass pass) {
    Tensor turned = rotateBackward(scope, g, Math.toIntExact(kept.size(1)), pass);
    if (norm == null || inverse == null) {
      return turned;
    }
    norm.accumulate(pass.adapter(), turned, kept, inverse);
    return norm.backward(scope, turned, kept, inverse, pass.adapter());
  }

  private Tensor[] joined(Scope scope, Tensor dq, Tensor dk, Tensor dv) {
    long tokens = dq.size(0);
    Tensor[] parts = {
      kernels.reshape(scope, dq, tokens, config.queryWidth()),
      kernels.reshape(scope, dk, tokens, config.keyValueWidth()),
      kernels.reshape(scope, dv, tokens, config.keyValueWidth())
    };
    return config.traits().attention().fused()
        ? new Tensor[] {kernels.joinColumns(scope, parts)}
        : parts;
  }

  /** Sets what an adapter begins with of this half. */
  void initialize(LoraAdapter adapter) {
    for (NormWeight norm : norms()) {
      if (norm != null) {
        norm.initialize(adapter);
      }
    }
    weights.queryKeyValue().initializeMagnitudes(adapter);
    weights.output().initializeMagnitudes(adapter);
  }

  private @Nullable NormWeight[] norms() {
    return new @Nullable NormWeight[] {
      weights.norm(), weights.queryNorm(), weights.keyNorm(), weights.outputNorm()
    };
  }

  @Override
  public void close() {
    for (NormWeight norm : norms()) {
      if (norm != null) {
        norm.close();
      }
    }
    weights.queryKeyValue().close();
    weights.output().close();
  }
}
