package dev.finetune.trainer.plan;

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
      Ledger.Allocation inverse = rmsNorm(temporary);
      LinearGroupMemory.Outputs qkv = queryKeyValue.forward(temporary, layer, tokens, dropout);
      Ledger.Allocation q = rotate(temporary, query());
      Ledger.Allocation k = rotate(temporary, keyValue());
      Ledger.Allocation v = temporary.view(qkv.y().get(2));
      Ledger.Allocation attended = attention(temporary);
      LinearGroupMemory.Outputs o = output.forward(temporary, layer, tokens, dropout);
      Ledger.Allocation x2 = o.y().getFirst();

      Ledger.Allocation inverse2 = rmsNorm(temporary);
      LinearGroupMemory.Outputs gu = gateUp.forward(temporary, layer, tokens, dropout);
      temporary.within("silu(gate) * up", inner(), inner());
      LinearGroupMemory.Outputs d = down.forward(temporary, layer, tokens, dropout);
      final Ledger.Allocation y = scope.own(temporary.release(d.y().getFirst()));

      if (kept != null) {
        List<Ledger.Allocation> tensors = new ArrayList<>(List.of(x, q, k, v, attended, x2));
        tensors.addAll(gu.y());
        for (LinearGroupMemory.Outputs outputs : List.of(qkv, o, gu, d)) {
          tensors.addAll(outputs.low());
        }
        record(temporary, kept, List.of(inverse, inverse2), tensors);
      }
      return y;
    }
  }

  private void record(
      Ledger.Scope temporary,
      Ledger.Scope kept,
      List<Ledger.Allocation> inverses,
      List<Ledger.Allocation> tensors) {
    try (Ledger.Scope originals = ledger.scope()) {
      inverses.forEach(inverse -> kept.own(temporary.release(inverse)));
      tensors.forEach(tensor -> originals.own(temporary.release(tensor)));
      temporary.close();
      kept.own(tapes.take(bytes(tensors)));
    }
  }

  private static long bytes(List<Ledger.Allocation> allocations) {
    return allocations.stream().mapToLong(Ledger.Allocation::bytes).sum();
  }

  /** Returns the gradient to the block's input. */
  Ledger.Allocation backward(Ledger.Scope scope, int layer) {
    try (Ledger.Scope temporary = ledger.scope()) {
      Ledger.Allocation product = temporary.within("silu(gate) * up", inner(), inner());
      Ledger.Allocation dProduct = down.backward(temporary, layer, tokens, dropout);
      temporary.free(product);
      Ledger.Allocation dGateUp = temporary.within("gradients", 2 * inner(), inner());
      temporary.free(dProduct);
      rmsNormAgain(temporary);
      gateUp.backward(temporary, layer, tokens, dropout);
      temporary.free(dGateUp);
      rmsNormBackward(temporary);

      output.backward(temporary, layer, tokens, dropout);
      attentionBackward(temporary);
      temporary.hold("gradients", query());
      temporary.hold("gradients", keyValue());
      rmsNormAgain(temporary);
      queryKeyValue.backward(temporary, layer, tokens, dropout);
      return rmsNormBackward(scope);
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

  /** Scores of a block of queries with all keys of its sequence, for all heads. */
  private long scores() {
    return (long) config.attentionHeads() * queries() * batch.longest() * element;
  }

  private long queries() {
    return Math.min(batch.longest(), Tiles.QUERIES);
  }

  /** The kernel {@code attention}: copies of keys and values, scores and their softmax. */
  private Ledger.Allocation attention(Ledger.Scope scope) {
    long block = queries() * config.queryWidth() * element;
    return scope.within("attention", query(), 2 * keyValue() + 2 * scores() + 2 * block);
  }

  /**
   * The kernel {@code attention_backward}: gradients to keys and values are summed in fp32;
   * probabilities, their gradient and that of the scores exist for a block of queries.
   */
  private void attentionBackward(Ledger.Scope scope) {
    long block = queries() * config.queryWidth() * element;
    long sums = 2 * tokens * config.keyValueWidth() * Float.BYTES;
    scope.within(
        "gradients", query() + 2 * keyValue(), 2 * keyValue() + sums + 3 * scores() + 3 * block);
  }
}
