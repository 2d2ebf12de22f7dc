package dev.finetune.trainer.plan;

import dev.finetune.trainer.basemodel.DecoderTraits;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Tiles;
import dev.finetune.trainer.lora.ModelModules;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * Mirrors a micro-batch of {@code AdapterTrainer}: {@code DecoderModel}, {@code CausalCrossEntropy}
 * and the update.
 */
final class StepMemory implements AutoCloseable {
  private final Workload workload;
  private final ModelMemory model;
  private final Ledger ledger;
  private final ModelConfig config;
  private final long element;
  private final TapePieces tapes;

  StepMemory(Workload workload, ModelMemory model, Ledger ledger) {
    this.tapes = new TapePieces(ledger);
    this.workload = workload;
    this.model = model;
    this.ledger = ledger;
    this.config = workload.config();
    this.element = workload.type().bytes();
  }

  /** Mirrors {@code DecoderModel.rotations}: tables of whole powers of two. */
  void rotations(Ledger.Scope scope, int longest) {
    long length = Math.max(256, Integer.highestOneBit(Math.max(1, longest - 1)) << 1);
    scope.hold("tables of rotations", tables() * length * config.rotarySize() * Float.BYTES);
  }

  private long tables() {
    boolean global = config.places(DecoderTraits.Positions.ROTARY) && !byLength();
    return (global ? 1L : 0L) + (config.places(DecoderTraits.Positions.LOCAL_ROTARY) ? 1L : 0L);
  }

  /** Mirrors {@code Rope.dependsOnLength}. */
  private boolean byLength() {
    return config.ropeScaling() instanceof RopeScaling.Dynamic
        || config.ropeScaling() instanceof RopeScaling.LongRope;
  }

  /** Mirrors {@code RotationTables.of}. */
  private void rotations(Ledger.Scope forward, long tokens) {
    long rotation = tokens * config.rotarySize() / 2 * element;
    long wide = rotation * Float.BYTES / element;
    for (DecoderTraits.Positions kind : DecoderTraits.Positions.values()) {
      if (kind != DecoderTraits.Positions.NONE && config.places(kind)) {
        try (Ledger.Scope temporary = ledger.scope()) {
          if (kind == DecoderTraits.Positions.ROTARY && byLength()) {
            temporary.hold("rotations", tokens * Long.BYTES + 2 * wide);
          }
          forward.within("rotations", rotation, wide);
          forward.within("rotations", rotation, wide);
        }
      }
    }
  }

  /** Mirrors {@code AdapterTrainer.accumulate}. */
  void accumulate(Workload.Batch batch, boolean recompute) {
    boolean dropout = workload.dropout() > 0;
    DecoderBlockMemory block =
        new DecoderBlockMemory(workload, model, ledger, batch, dropout, tapes);
    ledger.enter(Phase.FORWARD);
    Deque<Ledger.Scope> tape = new ArrayDeque<>();
    try (Ledger.Scope scope = ledger.scope();
        Ledger.Scope forward = ledger.scope()) {
      Ledger.Scope states = baseStates(block, batch);
      forward(block, batch, forward, recompute ? Kept.INPUTS : Kept.ALL, tape);
      ledger.enter(Phase.LOSS);
      withGradient(scope, batch);
      divergence(batch);
      states.close();
      ledger.enter(Phase.BACKWARD);
      backward(block, recompute, tape);
    }
  }

  /** Mirrors {@code HeldOut.measure}. */
  void evaluate(Workload.Batch batch) {
    if (batch.tokens() == 0) {
      return;
    }
    ledger.enter(Phase.EVALUATION);
    DecoderBlockMemory block = new DecoderBlockMemory(workload, model, ledger, batch, false, tapes);
    try (Ledger.Scope forward = ledger.scope()) {
      forward(block, batch, forward, Kept.NOTHING, new ArrayDeque<>());
      negativeLogLikelihoods(batch);
    }
  }

  /** What a tape keeps of a block. */
  private enum Kept {
    ALL,
    INPUTS,
    NOTHING
  }

  private void forward(
      DecoderBlockMemory block,
      Workload.Batch batch,
      Ledger.Scope forward,
      Kept kept,
      Deque<Ledger.Scope> tape) {
    long tokens = batch.tokens();
    try (Ledger.Scope scope = ledger.scope()) {
      scope.hold("positions and ids", tokens * Long.BYTES);
      rotations(forward, tokens);
      scope.hold("positions and ids", tokens * Long.BYTES);
      Ledger.Scope first = ledger.scope();
      Ledger.Allocation x =
          first.release(
              first.hold("tape: residual stream", tokens * config.hiddenSize() * element));
      if (config.traits().embeddings().learnedPositions()) {
        ledger.run("embedding", tokens * config.hiddenSize() * element);
      }
      for (int layer = 0; layer < config.layers(); layer++) {
        Ledger.Scope output = ledger.scope();
        Ledger.Scope record = kept == Kept.ALL ? ledger.scope() : null;
        if (kept == Kept.INPUTS) {
          Ledger.Scope input = ledger.scope();
          input.view(x);
          tape.push(input);
        }
        x = output.release(block.forward(output, x, record, layer));
        if (record != null) {
          tape.push(record);
        }
      }
      forward.own(x);
    }
  }

  /** The gradient to the hidden states stays until the end, since the caller owns it. */
  private void backward(DecoderBlockMemory block, boolean recompute, Deque<Ledger.Scope> tape) {
    Ledger.Scope current = ledger.scope();
    for (int layer = config.layers() - 1; layer >= 0; layer--) {
      Ledger.Scope next = ledger.scope();
      Ledger.Scope popped = tape.pop();
      try (Ledger.Scope record = recompute ? again(block, popped, layer) : popped) {
        block.backward(next, layer);
        tapes.giveBack(record);
      }
      current.close();
      current = next;
    }
    current.close();
  }

  /** Mirrors {@code DecoderModel.again}: the forward pass of a block whose input was kept. */
  private Ledger.Scope again(DecoderBlockMemory block, Ledger.Scope input, int layer) {
    Ledger.Scope saved = ledger.scope();
    try (Ledger.Scope output = ledger.scope()) {
      block.forward(output, input.release(input.first()), saved, layer);
    }
    return saved;
  }

  private void withGradient(Ledger.Scope scope, Workload.Batch batch) {
    List<Long> head = workload.adapter().whole().get(ModelModules.SCORE);
    if (head == null) {
      languageGradient(scope, batch);
    } else {
      headGradient(scope, batch, head.getFirst());
    }
  }

  /** Mirrors {@code HeadLoss.withGradient}. */
  private void headGradient(Ledger.Scope scope, Workload.Batch batch, long outputs) {
    long rows = batch.supervised();
    long selected = rows * config.hiddenSize() * element;
    long wide = rows * config.hiddenSize() * Float.BYTES;
    try (Ledger.Scope temporary = ledger.scope()) {
      places(temporary, rows);
      head(temporary, rows, outputs);
      temporary.hold("gradients in F32", rows * outputs * Float.BYTES);
      ledger.run("gradients in F32", outputs * config.hiddenSize() * Float.BYTES);
      temporary.hold("gradients in F32", wide);
      temporary.within("gradients in F32", wide, 2 * wide);
      scope.within(
          "gradients",
          batch.tokens() * config.hiddenSize() * element,
          workload.type() == ElementType.BF16 ? selected : 0);
    }
  }

  /** The hidden states in F32, which are those of the norm in that precision, and the outputs. */
  private void head(Ledger.Scope scope, long rows, long outputs) {
    if (workload.type() == ElementType.BF16) {
      scope.hold("hidden states at labels", rows * config.hiddenSize() * Float.BYTES);
    }
    ledger.run("logits", rows * outputs * Float.BYTES);
  }

  /** Mirrors {@code CausalCrossEntropy.withGradient}. */
  private void languageGradient(Ledger.Scope scope, Workload.Batch batch) {
    long tokens = batch.tokens();
    long rows = batch.supervised();
    long selected = rows * config.hiddenSize() * element;
    long wide = rows * config.hiddenSize() * Float.BYTES;
    try (Ledger.Scope temporary = ledger.scope()) {
      selected(temporary, rows);
      temporary.within("hidden states at labels", rows * Float.BYTES + selected, logitsChunk(rows));
      temporary.within("gradients in F32", wide, 2 * wide);
      scope.within(
          "gradients",
          tokens * config.hiddenSize() * element,
          workload.type() == ElementType.BF16 ? selected : 0);
    }
  }

  /**
   * Mirrors {@code Divergence.baseStates}. The pass without the adapter needs less than this one
   * with it, and neither is the worst moment of a step.
   */
  private Ledger.Scope baseStates(DecoderBlockMemory block, Workload.Batch batch) {
    Ledger.Scope states = ledger.scope();
    if (!workload.divergence()) {
      return states;
    }
    long rows = batch.supervised();
    try (Ledger.Scope forward = ledger.scope();
        Ledger.Scope temporary = ledger.scope()) {
      forward(block, batch, forward, Kept.NOTHING, new ArrayDeque<>());
      selected(temporary, rows);
      states.hold("the base model's states", rows * config.hiddenSize() * element);
    }
    return states;
  }

  /** Mirrors {@code Divergence.addGradient}. */
  private void divergence(Workload.Batch batch) {
    if (!workload.divergence()) {
      return;
    }
    long rows = batch.supervised();
    long selected = rows * config.hiddenSize() * element;
    long wide = rows * config.hiddenSize() * Float.BYTES;
    try (Ledger.Scope temporary = ledger.scope()) {
      selected(temporary, rows);
      temporary.within(
          "hidden states at labels", rows * Float.BYTES + selected, divergenceChunk(rows));
      temporary.within("gradients in F32", wide, 2 * wide);
      temporary.within(
          "gradients",
          batch.tokens() * (long) config.hiddenSize() * element,
          workload.type() == ElementType.BF16 ? selected : 0);
    }
  }

  /** Logits of both models for a chunk of rows; of a tile of it, three tables in fp32. */
  private long divergenceChunk(long rows) {
    long vocabulary = config.vocabularySize();
    long chunk = Math.min(rows, Tiles.logitRows(workload.type(), vocabulary));
    long tile = Math.min(chunk, Tiles.probabilityRows(vocabulary));
    return 2 * chunk * vocabulary * element + tile * vocabulary * 3 * Float.BYTES;
  }

  private void selected(Ledger.Scope scope, long rows) {
    places(scope, rows);
    scope.hold("labels", rows * Long.BYTES);
  }

  private void places(Ledger.Scope scope, long rows) {
    long selected = rows * config.hiddenSize() * element;
    long wide =
        workload.type() == ElementType.BF16
            ? 2 * rows * config.hiddenSize() * Float.BYTES - selected
            : 0;
    scope.hold("labels", rows * Long.BYTES);
    scope.hold("hidden states at labels", selected);
    scope.within("hidden states at labels", selected, wide);
    scope.hold("hidden states at labels", rows * Float.BYTES);
  }

  private void negativeLogLikelihoods(Workload.Batch batch) {
    long rows = batch.supervised();
    try (Ledger.Scope scope = ledger.scope()) {
      List<Long> head = workload.adapter().whole().get(ModelModules.SCORE);
      if (head != null) {
        places(scope, rows);
        head(scope, rows, head.getFirst());
        return;
      }
      selected(scope, rows);
      scope.within("losses", 2 * rows * Float.BYTES, logitsChunk(rows));
    }
  }

  /** Logits of a chunk of rows; of a tile of it, probabilities in fp32 and what softmax needs. */
  private long logitsChunk(long rows) {
    long vocabulary = config.vocabularySize();
    long chunk = Math.min(rows, Tiles.logitRows(workload.type(), vocabulary));
    long tile = Math.min(chunk, Tiles.probabilityRows(vocabulary));
    return chunk * vocabulary * element + tile * vocabulary * 3 * Float.BYTES;
  }

  /** The kernel {@code adamw} clips a tile of the gradient at a time. */
  void update() {
    ledger.enter(Phase.OPTIMIZER);
    long tile = Math.min(model.adapterSize(), Tiles.NUMBERS);
    ledger.run("the optimizer", 2 * tile * Float.BYTES);
  }

  @Override
  public void close() {
    tapes.close();
  }
}
