package dev.finetune.trainer.model;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.lora.DropoutMasks;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.LoraModule;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.lora.WholeModule;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.loss.HeadLoss;
import dev.finetune.trainer.loss.HeadProblem;
import dev.finetune.trainer.quant.Nf4Table;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A frozen decoder. It computes hidden states and, on the way back, the gradients of an adapter; it
 * holds no gradient and no adapter of its own.
 */
public final class DecoderModel implements AutoCloseable {
  private final Kernels kernels;
  private final ModelConfig config;
  private final List<DecoderBlock> blocks;
  private final Tensor embedding;
  private final Tensor head;
  private final NormWeight norm;
  private final List<LinearShape> linears;
  private final @Nullable Nf4Table shared;
  private final TapeMemory tapes;
  private final RotationTables rotations;
  private final @Nullable Tensor positionTable;
  private QuantizedCache.@Nullable Saving saving;

  /**
   * Everything that a loader makes of a model.
   *
   * @param embedding (vocabulary, hidden) in the type of activations
   * @param head as the embedding; the same tensor if they are tied
   * @param positionTable vectors that are added by position (positions, hidden), or null
   * @param norm the last norm
   * @param shared tables of quantized weights, closed with the model, or null
   */
  record Parts(
      List<DecoderBlock> blocks,
      Tensor embedding,
      Tensor head,
      @Nullable Tensor positionTable,
      NormWeight norm,
      List<LinearShape> linears,
      @Nullable Nf4Table shared) {}

  DecoderModel(Kernels kernels, ModelConfig config, Parts parts) {
    this.kernels = kernels;
    this.tapes = new TapeMemory(kernels);
    this.config = config;
    this.blocks = parts.blocks();
    this.embedding = parts.embedding();
    this.head = parts.head();
    this.norm = parts.norm();
    this.positionTable = parts.positionTable();
    this.rotations = new RotationTables(kernels, config);
    this.linears = parts.linears();
    this.shared = parts.shared();
  }

  /** A forward pass that a backward pass can follow. */
  public static final class Forward implements AutoCloseable {
    private final Scope scope;
    private final Tape tape;
    private final Pass pass;
    private @Nullable Tensor hidden;

    private Forward(Scope scope, Pass pass, Tape tape) {
      this.scope = scope;
      this.pass = pass;
      this.tape = tape;
    }

    /** Returns the hidden states after the last block, before the last norm (T, hidden). */
    public Tensor hidden() {
      if (hidden == null) {
        throw new IllegalStateException("the pass has not run");
      }
      return hidden;
    }

    @Override
    public void close() {
      tape.close();
      scope.close();
    }
  }

  /**
   * Runs the blocks.
   *
   * @param adapter the update, or null for the base model alone
   * @param dropout which inputs of the adapter are dropped, or null for none
   * @param tape {@link Tape#keeping} or {@link Tape#recomputing} if {@link #backward} will follow
   */
  public Forward forward(
      MicroBatch batch, @Nullable LoraAdapter adapter, @Nullable DropoutMasks dropout, Tape tape) {
    return forward(batch, adapter, dropout, null, null, tape);
  }

  /**
   * Runs the blocks for training.
   *
   * @param noise what is added to the embeddings, or null for none
   */
  public Forward forward(
      MicroBatch batch,
      @Nullable LoraAdapter adapter,
      @Nullable DropoutMasks dropout,
      @Nullable EmbeddingNoise noise,
      Tape tape) {
    return forward(batch, adapter, dropout, noise, null, tape);
  }

  /**
   * Runs the blocks over the next tokens of one sequence.
   *
   * @param cache keys and values of the tokens before, to which these are added
   */
  public Forward next(MicroBatch batch, @Nullable LoraAdapter adapter, KeyValueCache cache) {
    return forward(batch, adapter, null, null, cache, Tape.discarding());
  }

  private Forward forward(
      MicroBatch batch,
      @Nullable LoraAdapter adapter,
      @Nullable DropoutMasks dropout,
      @Nullable EmbeddingNoise noise,
      @Nullable KeyValueCache cache,
      Tape tape) {
    Scope scope = new Scope();
    Scope turned = new Scope();
    Tensor positions = kernels.engine().longs(scope, batch.positions());
    Rotations turns = rotations.of(turned, batch, positions);
    Forward forward =
        new Forward(turned, new Pass(batch, adapter, dropout, cache, turns, tapes), tape);
    Pass pass = forward.pass;
    boolean done = false;
    try {
      Tensor x = scope.release(embeddings(scope, batch, adapter, noise, positions));
      for (DecoderBlock block : blocks) {
        tape.begin(kernels, x);
        Scope output = new Scope();
        x = output.release(block.forward(output, x, pass, tape));
      }
      forward.hidden = forward.scope.own(x);
      done = true;
      return forward;
    } finally {
      scope.close();
      if (!done) {
        forward.close();
      }
    }
  }

  private Tensor embeddings(
      Scope scope,
      MicroBatch batch,
      @Nullable LoraAdapter adapter,
      @Nullable EmbeddingNoise noise,
      Tensor positions) {
    Tensor rows = embed(scope, adapter, kernels.engine().longs(scope, batch.ids()));
    if (positionTable != null) {
      requirePositions(batch.positionCount());
      try (Scope temporary = new Scope()) {
        kernels.accumulate(rows, kernels.embedding(temporary, positionTable, positions));
      }
    }
    return noise == null
        ? rows
        : kernels.add(scope, rows, noise.draw(kernels, scope, batch, config.hiddenSize()));
  }

  private void requirePositions(int count) {
    if (count > config.maxPositions()) {
      throw new InvalidConfiguration(
          "a sequence of %d tokens: the model has learned the first %d positions only"
              .formatted(count, config.maxPositions()));
    }
  }

  /**
   * Adds the gradients of a pass to its adapter.
   *
   * @param gradient gradient to the hidden states (T, hidden); the caller closes it
   */
  public void backward(Forward forward, Tensor gradient) {
    Scope current = new Scope();
    Tensor g = gradient;
    try {
      for (int i = blocks.size() - 1; i >= 0; i--) {
        Scope next = new Scope();
        try (DecoderBlock.Saved saved = saved(forward, blocks.get(i))) {
          g = blocks.get(i).backward(next, g, forward.pass, saved);
        } finally {
          current.close();
          current = next;
        }
      }
      accumulateEmbedding(forward.pass, g);
    } finally {
      current.close();
    }
  }

  private static DecoderBlock.Saved saved(Forward forward, DecoderBlock block) {
    return forward.tape.recomputes() ? again(forward, block) : forward.tape.pop();
  }

  /** Computes a block again from its input, for what its backward pass needs. */
  private static DecoderBlock.Saved again(Forward forward, DecoderBlock block) {
    Tape once = Tape.keeping();
    try (Scope output = new Scope();
        Tape.Input input = forward.tape.popInput()) {
      block.forward(output, input.scope().release(input.x()), forward.pass, once);
    }
    return once.pop();
  }

  private void accumulateEmbedding(Pass pass, Tensor gradient) {
    LoraAdapter adapter = pass.adapter();
    if (adapter == null || !adapter.trainsEmbedding()) {
      return;
    }
    WholeModule whole = adapter.whole(ModelModules.EMBEDDING);
    LoraModule update = adapter.find(ModelModules.EMBEDDING);
    double scale = config.traits().embeddings().scale();
    try (Scope scope = new Scope()) {
      Tensor g = scale == 1 ? gradient : kernels.scaled(scope, gradient, scale);
      if (whole != null) {
        Tensor ids = kernels.engine().longs(scope, pass.batch().ids());
        kernels.accumulateRows(whole.gradient(), ids, g);
      } else if (update != null) {
        Tensor ids = kernels.engine().longs(scope, pass.batch().ids());
        kernels.updateEmbeddingBackward(
            g,
            ids,
            new Kernels.Pair(update.a(), update.b()),
            new Kernels.Pair(update.gradientA(), update.gradientB()),
            update.scaling());
      }
    }
  }

  /**
   * Sets what an adapter begins with of this model: the magnitudes of DoRA, to the norms of {@code
   * W + scaling B A}, and the modules that it trains whole.
   */
  public void initialize(LoraAdapter adapter) {
    blocks.forEach(block -> block.initialize(adapter));
    norm.initialize(adapter);
    copy(embedding, adapter.whole(ModelModules.EMBEDDING));
    copy(head, adapter.whole(ModelModules.HEAD));
    adapter.parametersChanged();
  }

  private void copy(Tensor weight, @Nullable WholeModule whole) {
    if (whole != null) {
      kernels.overwrite(whole.master(), weight);
    }
  }

  private Tensor embed(Scope scope, @Nullable LoraAdapter adapter, Tensor ids) {
    Tensor x = kernels.embedding(scope, embedding(adapter), ids);
    LoraModule update = adapter == null ? null : adapter.find(ModelModules.EMBEDDING);
    if (update != null) {
      kernels.updateEmbedding(x, ids, update.a(), update.b(), update.scaling());
    }
    double scale = config.traits().embeddings().scale();
    if (scale != 1) {
      kernels.scale(x, scale);
    }
    return x;
  }

  private Tensor embedding(@Nullable LoraAdapter adapter) {
    WholeModule whole = adapter == null ? null : adapter.whole(ModelModules.EMBEDDING);
    return whole == null ? embedding : whole.weight();
  }

  /** Returns the loss of the model with an adapter, without label smoothing. */
  public CausalCrossEntropy loss(@Nullable LoraAdapter adapter) {
    return loss(adapter, 0);
  }

  /**
   * Returns the loss of the model with an adapter, to which it adds the gradients of what that
   * trains of the last norm and the output layer.
   *
   * @param labelSmoothing share of a label's probability that is spread over all tokens
   */
  public CausalCrossEntropy loss(@Nullable LoraAdapter adapter, double labelSmoothing) {
    WholeModule wholeHead = adapter == null ? null : adapter.whole(ModelModules.HEAD);
    WholeModule wholeNorm = adapter == null ? null : adapter.whole(norm.name());
    return new CausalCrossEntropy(
        kernels,
        norm.with(adapter),
        config.rmsNormEpsilon(),
        wholeHead == null ? head : wholeHead.weight(),
        labelSmoothing,
        new CausalCrossEntropy.Trained(
            wholeNorm == null ? null : wholeNorm.gradient(),
            wholeHead == null ? null : wholeHead.gradient(),
            adapter == null ? null : adapter.find(ModelModules.HEAD)),
        output());
  }

  /** Returns what is special about the last norm and the logits. */
  public CausalCrossEntropy.Output output() {
    return new CausalCrossEntropy.Output(norm.special().bias(), config.traits().logitSoftCap());
  }

  /**
   * Returns the loss of the head that an adapter trains, to which it adds the gradients of head and
   * last norm.
   *
   * @throws IllegalArgumentException if the adapter has no head, or one of other outputs
   */
  public HeadLoss headLoss(LoraAdapter adapter, HeadProblem problem) {
    if (norm.special().bias() != null) {
      throw new UnsupportedModel(
          "spec.task: a model of architecture %s cannot have a head yet, use CausalLM"
              .formatted(config.architecture()));
    }
    WholeModule score = adapter.whole(ModelModules.SCORE);
    if (score == null || score.master().size(0) != problem.outputs()) {
      throw new IllegalArgumentException(
          "expected an adapter with a head of " + problem.outputs() + " outputs");
    }
    WholeModule wholeNorm = adapter.whole(norm.name());
    return new HeadLoss(
        kernels,
        norm.with(adapter),
        config.rmsNormEpsilon(),
        new HeadLoss.Score(score, adapter.whole(ModelModules.SCORE_BIAS)),
        problem,
        wholeNorm == null ? null : wholeNorm.gradient());
  }

  /** Returns the linear layers that an adapter may change, in order. */
  public List<LinearShape> linears() {
    return linears;
  }

  /** Returns the weight of the last norm (hidden), {@code F32}. */
  public Tensor norm() {
    return norm.base();
  }

  /** Returns the weight of the output layer (vocabulary, hidden). */
  public Tensor head() {
    return head;
  }

  /** Returns the configuration. */
  public ModelConfig config() {
    return config;
  }

  /** Waits until the weights are in the cache, if they are on their way there. */
  void awaitSaved() throws InterruptedException {
    if (saving != null) {
      saving.await();
    }
  }

  /** Takes over what reads the weights until it is closed. */
  void closeFirst(QuantizedCache.Saving reader) {
    saving = reader;
  }

  @Override
  public void close() {
    if (saving != null) {
      saving.close();
    }
    blocks.forEach(DecoderBlock::close);
    if (head != embedding) {
      head.close();
    }
    embedding.close();
    if (positionTable != null) {
      positionTable.close();
    }
    norm.close();
    rotations.close();
    tapes.close();
    if (shared != null) {
      shared.close();
    }
  }
}
