package dev.finetune.trainer.train;

import dev.finetune.api.spec.Training;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.failure.Diverged;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.DropoutMasks;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.Divergence;
import dev.finetune.trainer.loss.Objective;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.EmbeddingNoise;
import dev.finetune.trainer.model.Tape;
import dev.finetune.trainer.optim.GradientClip;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.optim.Optimizer;
import dev.finetune.trainer.optim.ParameterLayout;
import dev.finetune.trainer.optim.Plateau;
import dev.finetune.trainer.optim.StateSource;
import dev.finetune.trainer.optim.StateTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Trains an adapter, an optimizer step at a time. A step is a function of the adapter, the
 * optimizer's state, the step's number and its examples, and, where the rate follows the held-out
 * loss, of the plateau; and of nothing else.
 */
public final class AdapterTrainer implements AutoCloseable {
  private final Kernels kernels;
  private final DecoderModel model;
  private final LoraAdapter adapter;
  private final Training training;
  private final Settings settings;
  private final Optimizer optimizer;
  private final Objective objective;
  private final @Nullable Divergence divergence;
  private @Nullable Plateau plateau;

  /**
   * What a run has resolved.
   *
   * @param dropout probability of dropping an input of the adapter
   * @param tokenBudget most tokens of a micro-batch
   * @param learningRate rate of each step
   * @param loraPlusRatio rate of B as a multiple of that of A
   * @param recompute whether a block is computed again on the way back instead of remembered; the
   *     numbers are the same
   * @param divergenceWeight weight of the mean divergence from the base model in the loss, from 0
   */
  public record Settings(
      double dropout,
      int tokenBudget,
      LearningRate learningRate,
      double loraPlusRatio,
      boolean recompute,
      double divergenceWeight) {
    /** Makes settings of a loss that leaves the base model out. */
    public Settings(
        double dropout,
        int tokenBudget,
        LearningRate learningRate,
        double loraPlusRatio,
        boolean recompute) {
      this(dropout, tokenBudget, learningRate, loraPlusRatio, recompute, 0);
    }

    /** Makes settings with one rate for all that remember every block. */
    public Settings(double dropout, int tokenBudget, LearningRate learningRate) {
      this(dropout, tokenBudget, learningRate, 1, false);
    }
  }

  /** Makes one of language modelling; model and adapter stay the caller's. */
  public AdapterTrainer(
      Kernels kernels,
      DecoderModel model,
      LoraAdapter adapter,
      Training training,
      Settings settings) {
    this(
        kernels,
        model,
        adapter,
        model.loss(adapter, training.labelSmoothing()),
        training,
        settings);
  }

  /** Makes one; model and adapter stay the caller's. */
  public AdapterTrainer(
      Kernels kernels,
      DecoderModel model,
      LoraAdapter adapter,
      Objective objective,
      Training training,
      Settings settings) {
    this.kernels = kernels;
    this.model = model;
    this.adapter = adapter;
    this.training = training;
    this.settings = settings;
    ParameterLayout layout =
        new ParameterLayout(
            adapter.sections(), adapter.parameters().elements(), settings.loraPlusRatio());
    this.optimizer = Optimizer.of(kernels, layout, training);
    this.plateau = settings.learningRate().plateau();
    this.objective = objective;
    this.divergence =
        settings.divergenceWeight() == 0
            ? null
            : new Divergence(kernels, model.loss(adapter), model.loss(null));
  }

  /** Does one optimizer step on examples of the task alone. */
  public Optional<StepResult> step(int step, List<Example> examples, BooleanSupplier stop) {
    return step(step, examples, List.of(), stop);
  }

  /**
   * Does one optimizer step. The loss is the mean over the terms of all examples, and, weighted,
   * the mean divergence from the base model over those of the general examples, or of the task's if
   * there are none.
   *
   * @param step number of the step, from 1
   * @param examples the task's part of the global batch, with at least one supervised token
   * @param replayed the general part, perhaps nothing
   * @param stop asked before each micro-batch
   * @return empty if the step was given up because {@code stop} said so; nothing has changed then
   * @throws Diverged if a loss or gradient is not finite; the adapter is then unchanged
   */
  public Optional<StepResult> step(
      int step, List<Example> examples, List<Example> replayed, BooleanSupplier stop) {
    int terms = terms(examples);
    int general = terms(replayed);
    double scale = 1.0 / (terms + general);
    double weight = settings.divergenceWeight();
    adapter.clearGradients();
    Optional<List<ExampleLoss>> losses =
        accumulate(step, examples, new Scales(scale, general == 0 ? weight / terms : 0), stop);
    if (losses.isEmpty()
        || accumulate(step, replayed, new Scales(scale, weight / Math.max(1, general)), stop)
            .isEmpty()) {
      return Optional.empty();
    }
    double norm = kernels.norm(adapter.gradients());
    if (!Double.isFinite(norm)) {
      throw new Diverged("step %d: the gradient of %s is not finite".formatted(step, culprit()));
    }
    double rate = settings.learningRate().at(step - 1, plateau);
    double clip = GradientClip.factor(norm, training.maxGradientNorm());
    optimizer.update(adapter.parameters(), adapter.gradients(), rate, step, clip);
    adapter.parametersChanged();
    int tokens = tokens(examples) + tokens(replayed);
    double loss = losses.get().stream().mapToDouble(ExampleLoss::sum).sum() / terms;
    return Optional.of(
        new StepResult(step, loss, rate, norm, tokens, terms + general, losses.get()));
  }

  private int terms(List<Example> examples) {
    return examples.stream().mapToInt(objective::terms).sum();
  }

  private static int tokens(List<Example> examples) {
    return examples.stream().mapToInt(example -> example.inputIds().length).sum();
  }

  /**
   * By what a micro-batch's sums are multiplied in the loss.
   *
   * @param loss factor of the objective's terms
   * @param divergence factor of the divergences, 0 for none
   */
  private record Scales(double loss, double divergence) {}

  /** Adds the gradients of examples; returns what each came to, or empty if asked to stop. */
  private Optional<List<ExampleLoss>> accumulate(
      int step, List<Example> examples, Scales scales, BooleanSupplier stop) {
    DropoutMasks dropout =
        settings.dropout() == 0
            ? null
            : new DropoutMasks(training.seed(), step - 1, settings.dropout());
    EmbeddingNoise noise =
        training.neftuneNoiseAlpha() == 0
            ? null
            : new EmbeddingNoise(training.seed(), step - 1, training.neftuneNoiseAlpha());
    List<ExampleLoss> losses = new ArrayList<>(examples.size());
    for (List<Example> part : MicroBatches.cut(examples, settings.tokenBudget())) {
      if (stop.getAsBoolean()) {
        return Optional.empty();
      }
      addLosses(losses, part, accumulate(step, MicroBatch.of(part), dropout, noise, scales));
    }
    return Optional.of(losses);
  }

  /** Adds what each example came to; the terms of one follow those of the one before. */
  private void addLosses(List<ExampleLoss> losses, List<Example> part, float[] values) {
    int start = 0;
    for (Example example : part) {
      int terms = objective.terms(example);
      losses.add(new ExampleLoss(sum(values, start, start + terms), terms));
      start += terms;
    }
  }

  private static double sum(float[] values, int start, int end) {
    double sum = 0;
    for (int i = start; i < end; i++) {
      sum += values[i];
    }
    return sum;
  }

  private float[] accumulate(
      int step,
      MicroBatch batch,
      @Nullable DropoutMasks dropout,
      @Nullable EmbeddingNoise noise,
      Scales scales) {
    int[] termExamples = objective.termExamples(batch);
    if (termExamples.length == 0) {
      return new float[0];
    }
    Divergence kept = scales.divergence() == 0 ? null : divergence;
    try (Scope scope = new Scope()) {
      Tensor base = kept == null ? null : baseStates(kept, scope, batch);
      try (DecoderModel.Forward forward = model.forward(batch, adapter, dropout, noise, tape())) {
        Objective.Result result =
            objective.withGradient(scope, forward.hidden(), batch, scales.loss());
        checkFinite(step, "loss", termExamples, result.terms());
        if (kept != null && base != null) {
          float[] values =
              kept.addGradient(
                  result.gradient(), forward.hidden(), batch.rows(), base, scales.divergence());
          scope.free(base);
          checkFinite(step, "divergence from the base model", batch.rowExamples(), values);
        }
        model.backward(forward, result.gradient());
        return result.terms();
      }
    }
  }

  /** Runs the micro-batch with the adapter switched off. */
  private Tensor baseStates(Divergence kept, Scope scope, MicroBatch batch) {
    try (DecoderModel.Forward forward = model.forward(batch, null, null, Tape.discarding())) {
      return kept.baseStates(scope, forward.hidden(), batch.rows());
    }
  }

  private Tape tape() {
    return settings.recompute() ? Tape.recomputing() : Tape.keeping();
  }

  private static void checkFinite(int step, String what, int[] termExamples, float[] values) {
    TreeSet<Integer> culprits = new TreeSet<>();
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        culprits.add(termExamples[i]);
      }
    }
    if (!culprits.isEmpty()) {
      throw new Diverged(
          "step %d: the %s of example %s is not finite"
              .formatted(
                  step, what, String.join(", ", culprits.stream().map(String::valueOf).toList())));
    }
  }

  /** Returns the name of the first tensor whose gradient is not finite. */
  private String culprit() {
    for (var tensor : adapter.gradientTensors().entrySet()) {
      for (float value : tensor.getValue().values()) {
        if (!Float.isFinite(value)) {
          return tensor.getKey();
        }
      }
    }
    return "the adapter (its norm overflows)";
  }

  /**
   * Measures examples, without dropout.
   *
   * @param examples with at least one term of the objective
   * @param stop asked before each micro-batch
   * @return empty if {@code stop} said so
   * @throws Diverged if a loss is not finite
   */
  public Optional<Evaluated> evaluate(List<Example> examples, BooleanSupplier stop) {
    return new HeldOut(kernels, model, adapter, objective)
        .measure(examples, settings.tokenBudget(), stop);
  }

  /**
   * Measures the loss of texts as a language model, whatever the task, without dropout.
   *
   * @param examples with at least one supervised token
   * @param stop asked before each micro-batch
   * @return empty if {@code stop} said so
   * @throws Diverged if a loss is not finite
   */
  public Optional<Evaluated> evaluateText(List<Example> examples, BooleanSupplier stop) {
    return new HeldOut(kernels, model, adapter, model.loss(adapter))
        .measure(examples, settings.tokenBudget(), stop);
  }

  /** Takes in a held-out loss that was measured between steps; the rate may follow it. */
  public void observe(double heldOutLoss) {
    if (plateau != null) {
      plateau = plateau.after(heldOutLoss, settings.learningRate().options());
    }
  }

  /** Returns what the rate follows, or null if it is a function of the step. */
  public @Nullable Plateau plateau() {
    return plateau;
  }

  /** Returns the optimizer's state as it lies in memory: it holds until the next step. */
  public List<StateTensor> optimizerState() {
    return optimizer.state();
  }

  /**
   * Overwrites what steps depend on besides the adapter.
   *
   * @param state the optimizer's state
   * @param saved what the rate followed, or null if it is a function of the step
   */
  public void restore(StateSource state, @Nullable Plateau saved) {
    if ((saved == null) != (plateau == null)) {
      throw new UnreadableData(
          "the state of the run is of another schedule than " + training.schedule());
    }
    optimizer.restore(state);
    plateau = saved;
  }

  @Override
  public void close() {
    optimizer.close();
  }
}
