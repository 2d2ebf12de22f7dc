package dev.finetune.trainer.model;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraAdapter;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One block of the decoder: attention and a gated MLP, each behind an RMS norm and added to its
 * input.
 *
 * <pre>
 * x2 = x  + o(attention(rope(q(h)), rope(k(h)), v(h)))   h  = norm1(x)
 * y  = x2 + down(silu(gate(h2)) * up(h2))                h2 = norm2(x2)
 * </pre>
 */
final class DecoderBlock implements AutoCloseable {
  private final Kernels kernels;
  private final ModelConfig config;
  private final NormWeight inputNorm;
  private final NormWeight postAttentionNorm;
  private final LinearGroup queryKeyValue;
  private final LinearGroup output;
  private final LinearGroup gateUp;
  private final LinearGroup down;

  /** The weights of a block: the two norms (hidden) and the four groups of linear layers. */
  record Weights(
      NormWeight inputNorm,
      NormWeight postAttentionNorm,
      LinearGroup queryKeyValue,
      LinearGroup output,
      LinearGroup gateUp,
      LinearGroup down) {}

  DecoderBlock(Kernels kernels, ModelConfig config, Weights weights) {
    this.kernels = kernels;
    this.config = config;
    this.inputNorm = weights.inputNorm();
    this.postAttentionNorm = weights.postAttentionNorm();
    this.queryKeyValue = weights.queryKeyValue();
    this.output = weights.output();
    this.gateUp = weights.gateUp();
    this.down = weights.down();
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
  record Saved(
      Place place,
      Tensor inverse1,
      Tensor inverse2,
      Tensor x,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor attended,
      Tensor x2,
      Tensor gate,
      Tensor up,
      @Nullable Tensor lowQueryKeyValue,
      @Nullable Tensor lowOutput,
      @Nullable Tensor lowGateUp,
      @Nullable Tensor lowDown)
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
    int heads = config.attentionHeads();
    int keyValueHeads = config.keyValueHeads();
    int size = config.headSize();
    long tokens = pass.batch().tokens();
    LoraAdapter adapter = pass.adapter();
    try (Scope temporary = new Scope()) {
      temporary.own(x);
      // Attention.
      Kernels.Normalized h =
          kernels.rmsNorm(temporary, x, inputNorm.with(adapter), config.rmsNormEpsilon());
      LinearGroup.Outputs qkv = queryKeyValue.forward(temporary, h.y(), pass);
      Tensor q = kernels.rotate(temporary, qkv.y()[0], heads, size, pass.cos(), pass.sin());
      Tensor k = kernels.rotate(temporary, qkv.y()[1], keyValueHeads, size, pass.cos(), pass.sin());
      Tensor v = kernels.reshape(temporary, qkv.y()[2], tokens, keyValueHeads, size);
      Tensor attended = attend(temporary, q, k, v, pass);
      Tensor flat = kernels.reshape(temporary, attended, tokens, (long) heads * size);
      LinearGroup.Outputs o = output.forward(temporary, flat, pass);
      Tensor x2 = o.y()[0];
      kernels.accumulate(x2, x);

      // MLP.
      Kernels.Normalized h2 =
          kernels.rmsNorm(temporary, x2, postAttentionNorm.with(adapter), config.rmsNormEpsilon());
      LinearGroup.Outputs gu = gateUp.forward(temporary, h2.y(), pass);
      Tensor product = kernels.swiglu(temporary, gu.y()[0], gu.y()[1]);
      LinearGroup.Outputs d = down.forward(temporary, product, pass);
      Tensor y = scope.own(temporary.release(d.y()[0]));
      kernels.accumulate(y, x2);

      if (tape.records()) {
        Tensor[] inverses = {h.inverse(), h2.inverse()};
        tape.push(
            record(
                pass.memory(),
                temporary,
                inverses,
                x,
                q,
                k,
                v,
                attended,
                x2,
                gu.y()[0],
                gu.y()[1],
                qkv.low(),
                o.low(),
                gu.low(),
                d.low()));
      }
      return y;
    }
  }

  private Tensor attend(Scope scope, Tensor q, Tensor k, Tensor v, Pass pass) {
    KeyValueCache cache = pass.cache();
    if (cache == null) {
      return kernels.attention(scope, q, k, v, pass.batch().offsets());
    }
    KeyValueCache.Attendable all = cache.append(scope, queryKeyValue.layer(), k, v);
    if (all.keys().size(0) == q.size(0)) {
      return kernels.attention(scope, q, k, v, pass.batch().offsets());
    }
    int repeat = config.attentionHeads() / config.keyValueHeads();
    return kernels.attendToAll(scope, q, all.keys(), all.values(), repeat);
  }

  /**
   * Copies what the backward pass needs into one block of memory. Left where they were made, among
   * all that is freed soon, the tensors of a tape would leave the memory full of gaps.
   */
  private Saved record(
      TapeMemory memory, Scope temporary, Tensor[] inverses, @Nullable Tensor... tensors) {
    Scope kept = new Scope();
    try (Scope originals = new Scope()) {
      move(temporary, kept, inverses);
      move(temporary, originals, tensors);
      temporary.close();
      long elements = 0;
      for (Tensor tensor : tensors) {
        elements += tensor == null ? 0 : tensor.elements();
      }
      Tensor piece = memory.take(elements);
      @Nullable Tensor[] all = kernels.pack(kept, piece, tensors);
      return new Saved(
          new Place(kept, memory, piece),
          inverses[0],
          inverses[1],
          present(all[0]),
          present(all[1]),
          present(all[2]),
          present(all[3]),
          present(all[4]),
          present(all[5]),
          present(all[6]),
          present(all[7]),
          all[8],
          all[9],
          all[10],
          all[11]);
    }
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
  Tensor backward(Scope scope, Tensor g, Pass pass, Saved s) {
    int heads = config.attentionHeads();
    int keyValueHeads = config.keyValueHeads();
    int size = config.headSize();
    long tokens = pass.batch().tokens();
    LoraAdapter adapter = pass.adapter();
    try (Scope temporary = new Scope()) {
      // MLP.
      Tensor product = kernels.swiglu(temporary, s.gate(), s.up());
      Tensor dProduct = down.backward(temporary, new Tensor[] {g}, product, s.lowDown(), pass);
      temporary.free(product);
      Kernels.Pair dGateUp = kernels.swigluBackward(temporary, dProduct, s.gate(), s.up());
      temporary.free(dProduct);
      Tensor h2 =
          kernels.rmsNormAgain(temporary, s.x2(), s.inverse2(), postAttentionNorm.with(adapter));
      Tensor dh2 =
          gateUp.backward(
              temporary, new Tensor[] {dGateUp.first(), dGateUp.second()}, h2, s.lowGateUp(), pass);
      temporary.free(dGateUp.first());
      temporary.free(dGateUp.second());
      postAttentionNorm.accumulate(adapter, dh2, s.x2(), s.inverse2());
      Tensor g2 =
          kernels.rmsNormBackward(
              temporary, g, dh2, s.x2(), s.inverse2(), postAttentionNorm.with(adapter));

      // Attention.
      Tensor flat = kernels.reshape(temporary, s.attended(), tokens, (long) heads * size);
      Tensor dFlat = output.backward(temporary, new Tensor[] {g2}, flat, s.lowOutput(), pass);
      Kernels.AttentionGradients d =
          kernels.attentionBackward(
              temporary,
              kernels.reshape(temporary, dFlat, tokens, heads, size),
              s.q(),
              s.k(),
              s.v(),
              pass.batch().offsets());
      Tensor dq = kernels.rotateBackward(temporary, d.q(), heads, size, pass.cos(), pass.sin());
      Tensor dk =
          kernels.rotateBackward(temporary, d.k(), keyValueHeads, size, pass.cos(), pass.sin());
      Tensor h = kernels.rmsNormAgain(temporary, s.x(), s.inverse1(), inputNorm.with(adapter));
      Tensor dh =
          queryKeyValue.backward(
              temporary,
              new Tensor[] {
                kernels.reshape(temporary, dq, tokens, (long) heads * size),
                kernels.reshape(temporary, dk, tokens, (long) keyValueHeads * size),
                kernels.reshape(temporary, d.v(), tokens, (long) keyValueHeads * size)
              },
              h,
              s.lowQueryKeyValue(),
              pass);
      inputNorm.accumulate(adapter, dh, s.x(), s.inverse1());
      return kernels.rmsNormBackward(scope, g2, dh, s.x(), s.inverse1(), inputNorm.with(adapter));
    }
  }

  /** Sets what an adapter begins with of the block: magnitudes, and norms that it trains. */
  void initialize(LoraAdapter adapter) {
    inputNorm.initialize(adapter);
    postAttentionNorm.initialize(adapter);
    for (LinearGroup group : new LinearGroup[] {queryKeyValue, output, gateUp, down}) {
      group.initializeMagnitudes(adapter);
    }
  }

  @Override
  public void close() {
    inputNorm.close();
    postAttentionNorm.close();
    queryKeyValue.close();
    output.close();
    gateUp.close();
    down.close();
  }
}
