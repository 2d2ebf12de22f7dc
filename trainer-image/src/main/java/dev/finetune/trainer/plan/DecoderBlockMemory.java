package dev.finetune.trainer.plan;

import dev.finetune.trainer.basemodel.DecoderTraits;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Tiles;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Mirrors {@code DecoderBlock}, allocation by allocation. */
final class DecoderBlockMemory {
  private final ModelConfig config;
  private final Ledger ledger;
  private final Workload.Batch batch;
  private final boolean dropout;
  private final long tokens;
  private final long element;
  private final boolean narrow;
  private final LinearGroupMemory queryKeyValue;
  private final LinearGroupMemory output;
  private final LinearGroupMemory gateUp;
  private final LinearGroupMemory down;
  private final TapePieces tapes;

  DecoderBlockMemory(
      Workload workload,
      ModelMemory model,
      Ledger ledger,
      Workload.Batch batch,
      boolean dropout,
      TapePieces tapes) {
    this.tapes = tapes;
    this.config = workload.config();
    this.ledger = ledger;
    this.batch = batch;
    this.dropout = dropout;
    this.tokens = batch.tokens();
    this.element = workload.type().bytes();
    this.narrow = workload.type() == ElementType.BF16;
    ModelMemory.Linear[][] groups = model.groups();
    queryKeyValue = new LinearGroupMemory(workload, model, ledger, groups[0]);
    output = new LinearGroupMemory(workload, model, ledger, groups[1]);
    gateUp = new LinearGroupMemory(workload, model, ledger, groups[2]);
    down = new LinearGroupMemory(workload, model, ledger, groups[3]);
  }

  private long hidden() {
    return tokens * config.hiddenSize() * element;
  }

  private long query() {
    return tokens * config.queryWidth() * element;
  }

  private long keyValue() {
    return tokens * config.keyValueWidth() * element;
  }

  private long inner() {
    return tokens * config.intermediateSize() * element;
  }

  /**
   * Returns the block's output.
   *
   * @param kept takes what goes on the tape, or null if nothing does
   */
  Ledger.Allocation forward(
      Ledger.Scope scope, Ledger.Allocation x, Ledger.@Nullable Scope kept, int layer) {
    try (Ledger.Scope temporary = ledger.scope()) {
      temporary.own(x);
      List<Ledger.Allocation> inverses = new ArrayList<>();
      List<Part> parts = new ArrayList<>(List.of(new Part(x, hidden())));
      Ledger.Allocation x2 = attention(temporary, layer, inverses, parts);
      parts.add(new Part(x2, hidden()));
      Ledger.Allocation last = feedForward(temporary, layer, inverses, parts);
      final Ledger.Allocation y = scope.own(temporary.release(last));
      if (kept != null) {
        record(temporary, kept, inverses, parts);
      }
      return y;
    }
  }

  /** What is kept of an allocation, which may be a part of it. */
  private record Part(Ledger.Allocation allocation, long bytes) {
    private static Part whole(Ledger.Allocation allocation) {
      return new Part(allocation, allocation.bytes());
    }
  }

  /** Mirrors {@code Attention.forward}. */
  private Ledger.Allocation attention(
      Ledger.Scope temporary, int layer, List<Ledger.Allocation> inverses, List<Part> parts) {
    inverses.add(rmsNorm(temporary));
    LinearGroupMemory.Outputs qkv = queryKeyValue.forward(temporary, layer, tokens, dropout);
    List<Ledger.Allocation> y = qkv.y();
    parts.add(heads(temporary, y.getFirst(), layer, config.attentionHeads(), inverses));
    parts.add(
        heads(temporary, y.get(y.size() > 1 ? 1 : 0), layer, config.keyValueHeads(), inverses));
    parts.add(new Part(temporary.view(y.getLast()), keyValue()));
    parts.add(Part.whole(attention(temporary, layer)));
    LinearGroupMemory.Outputs o = output.forward(temporary, layer, tokens, dropout);
    qkv.low().forEach(low -> parts.add(Part.whole(low)));
    o.low().forEach(low -> parts.add(Part.whole(low)));
    return normed(temporary, o.y().getFirst(), inverses, parts);
  }

  /** Mirrors {@code FeedForward.forward}. */
  private Ledger.Allocation feedForward(
      Ledger.Scope temporary, int layer, List<Ledger.Allocation> inverses, List<Part> parts) {
    inverses.add(rmsNorm(temporary));
    LinearGroupMemory.Outputs into = gateUp.forward(temporary, layer, tokens, dropout);
    into.y().forEach(y -> parts.add(Part.whole(y)));
    temporary.within("activation(gate) * up", inner(), inner());
    LinearGroupMemory.Outputs d = down.forward(temporary, layer, tokens, dropout);
    into.low().forEach(low -> parts.add(Part.whole(low)));
    d.low().forEach(low -> parts.add(Part.whole(low)));
    return normed(temporary, d.y().getFirst(), inverses, parts);
  }

  /** The norm of what is added to the residual stream, if there is one. */
  private Ledger.Allocation normed(
      Ledger.Scope temporary,
      Ledger.Allocation added,
      List<Ledger.Allocation> inverses,
      List<Part> parts) {
    if (!config.traits().norms().afterEach()) {
      return added;
    }
    Ledger.Allocation y = temporary.within("norms of outputs", hidden(), widened());
    inverses.add(temporary.hold("tape: norms", tokens * Float.BYTES));
    parts.add(Part.whole(added));
    return y;
  }

  /** Queries or keys: their norm if there is one, then their rotation. */
  private Part heads(
      Ledger.Scope temporary,
      Ledger.Allocation output,
      int layer,
      int heads,
      List<Ledger.Allocation> inverses) {
    long bytes = tokens * heads * config.headSize() * element;
    if (!config.traits().attention().headNorms()) {
      return new Part(rotates(layer) ? rotate(temporary, bytes) : temporary.view(output), bytes);
    }
    temporary.within("norms of heads", bytes, narrow ? 2 * bytes : 0);
    inverses.add(temporary.hold("tape: norms", tokens * heads * Float.BYTES));
    if (rotates(layer)) {
      rotate(temporary, bytes);
    }
    return new Part(temporary.view(output), bytes);
  }

  private boolean rotates(int layer) {
    return config.layer(layer).positions() != DecoderTraits.Positions.NONE;
  }

  private void record(
      Ledger.Scope temporary,
      Ledger.Scope kept,
      List<Ledger.Allocation> inverses,
      List<Part> parts) {
    try (Ledger.Scope originals = ledger.scope()) {
      inverses.forEach(inverse -> kept.own(temporary.release(inverse)));
      parts.forEach(part -> originals.own(temporary.release(part.allocation())));
      temporary.close();
      kept.own(tapes.take(parts.stream().mapToLong(Part::bytes).sum()));
    }
  }

  /** Returns the gradient to the block's input. */
  Ledger.Allocation backward(Ledger.Scope scope, int layer) {
    try (Ledger.Scope temporary = ledger.scope()) {
      normBackward(temporary);
      Ledger.Allocation product = temporary.within("activation(gate) * up", inner(), inner());
      Ledger.Allocation dProduct = down.backward(temporary, layer, tokens, dropout);
      temporary.free(product);
      Ledger.Allocation dInto = activatedBackward(temporary);
      temporary.free(dProduct);
      rmsNormAgain(temporary);
      gateUp.backward(temporary, layer, tokens, dropout);
      temporary.free(dInto);
      rmsNormBackward(temporary);

      normBackward(temporary);
      output.backward(temporary, layer, tokens, dropout);
      headsAgain(temporary, layer);
      attentionBackward(temporary, layer);
      headsBackward(temporary, query(), layer);
      headsBackward(temporary, keyValue(), layer);
      rmsNormAgain(temporary);
      if (config.traits().attention().fused()) {
        temporary.hold("gradients", query() + 2 * keyValue());
      }
      queryKeyValue.backward(temporary, layer, tokens, dropout);
      return rmsNormBackward(scope);
    }
  }

  private Ledger.Allocation activatedBackward(Ledger.Scope temporary) {
    DecoderTraits.FeedForward half = config.traits().feedForward();
    if (!half.gated()) {
      return temporary.hold("gradients", inner());
    }
    Ledger.Allocation pair = temporary.within("gradients", 2 * inner(), inner());
    if (!half.fused()) {
      return pair;
    }
    Ledger.Allocation joined = temporary.hold("gradients", 2 * inner());
    temporary.free(pair);
    return joined;
  }

  /** The gradient to the input of a norm of what is added to the residual stream. */
  private void normBackward(Ledger.Scope temporary) {
    if (config.traits().norms().afterEach()) {
      temporary.within("gradients", hidden(), 3 * wide() - hidden());
    }
  }

  private void headsAgain(Ledger.Scope temporary, int layer) {
    if (config.traits().attention().headNorms()) {
      for (long bytes : new long[] {query(), keyValue()}) {
        temporary.within("norms of heads", bytes, narrow ? bytes : 0);
        if (rotates(layer)) {
          rotate(temporary, bytes);
        }
      }
    }
  }

  private void headsBackward(Ledger.Scope temporary, long bytes, int layer) {
    if (rotates(layer)) {
      temporary.hold("gradients", bytes);
    }
    if (config.traits().attention().headNorms()) {
      temporary.within("gradients", bytes, 3 * bytes / element * Float.BYTES);
    }
  }

  /** Returns the inverse root mean squares, which are kept; the norm itself is made again. */
  private Ledger.Allocation rmsNorm(Ledger.Scope scope) {
    scope.within("norms of inputs", hidden(), widened());
    return scope.hold("tape: norms", tokens * Float.BYTES);
  }

  private void rmsNormAgain(Ledger.Scope scope) {
    scope.within("norms of inputs", hidden(), widened());
  }

  /** In bfloat16 norms are computed of two copies in fp32. */
  private long widened() {
    return narrow ? 2 * wide() - hidden() : 0;
  }

  private long wide() {
    return tokens * config.hiddenSize() * Float.BYTES;
  }

  /** The kernel {@code rms_norm_backward_added} computes in fp32 from three copies. */
  private Ledger.Allocation rmsNormBackward(Ledger.Scope scope) {
    return scope.within("gradients", hidden(), 3 * wide() - hidden());
  }

  private Ledger.Allocation rotate(Ledger.Scope scope, long bytes) {
    return scope.hold("queries and keys", bytes);
  }

  /** Scores of a block of queries with the keys that it may see, for all heads. */
  private long scores(int layer) {
    int window = config.layer(layer).window();
    long keys = window == 0 ? batch.longest() : Math.min(batch.longest(), queries() + window);
    return config.attentionHeads() * queries() * keys * element;
  }

  /** Where scores are bounded, their share of the bound is kept beside them. */
  private long shares(int layer) {
    return config.traits().attention().softCap() > 0 ? scores(layer) : 0;
  }

  private long queries() {
    return Math.min(batch.longest(), Tiles.QUERIES);
  }

  /** The kernel {@code attention}: copies of keys and values, scores and their softmax. */
  private Ledger.Allocation attention(Ledger.Scope scope, int layer) {
    long block = queries() * config.queryWidth() * element;
    return scope.within(
        "attention", query(), 2 * keyValue() + 2 * scores(layer) + shares(layer) + 2 * block);
  }

  /**
   * The kernel {@code attention_backward}: gradients to keys and values are summed in fp32;
   * probabilities, their gradient and that of the scores exist for a block of queries.
   */
  private void attentionBackward(Ledger.Scope scope, int layer) {
    long block = queries() * config.queryWidth() * element;
    long sums = 2 * tokens * config.keyValueWidth() * Float.BYTES;
    scope.within(
        "gradients",
        query() + 2 * keyValue(),
        2 * keyValue() + sums + 3 * scores(layer) + shares(layer) + 3 * block);
  }
}
