package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.ScheduleOptions;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.adapter.AdapterSettings;
import dev.finetune.trainer.adapter.RequestedAdapter;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.PromptFile;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Processor;
import dev.finetune.trainer.engine.ProductRate;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.Objective;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.QuantizedCache;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.run.Computation;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.source.ModelName;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.train.AdapterTrainer;
import dev.finetune.trainer.train.ExampleLosses;
import dev.finetune.trainer.train.ReplayPlan;
import dev.finetune.trainer.train.StepFlops;
import dev.finetune.trainer.train.StepPlan;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Everything in memory that an attempt trains with.
 *
 * @param kernels the engine's in the precision of the run
 * @param replay which general rows each step sees besides, or null
 * @param stepFlops what a step costs
 * @param productRate floating-point operations a second in large matrix products
 * @param computation what decides the bits of the numbers besides the job and its inputs
 * @param general rows that have nothing to do with the task
 * @param losses what each of the examples to train on came to so far
 * @param tokenizer the base model's; stays the inputs'
 * @param adapterConfig content of {@code adapter_config.json}
 * @param classifier what is predicted, or null for language modelling
 * @param prompts files that say in what form the model is asked
 */
record Session(
    Engine engine,
    Kernels kernels,
    DecoderModel model,
    LoraAdapter adapter,
    AdapterTrainer trainer,
    StepPlan plan,
    @Nullable ReplayPlan replay,
    StepFlops stepFlops,
    double productRate,
    Computation computation,
    List<Example> examples,
    List<Example> heldOut,
    GeneralRows general,
    ExampleLosses losses,
    Tokenizer tokenizer,
    String adapterConfig,
    @Nullable Classifier classifier,
    List<PromptFile> prompts)
    implements AutoCloseable {
  /** Loads the model and makes the adapter, as the run's record says. */
  static Session open(
      FineTuneJobSpec spec, Inputs inputs, RunRecord record, Compute compute, Console console) {
    Opening opening = new Opening();
    boolean opened = false;
    try {
      ElementType type = Resolved.elementType(record.precision());
      Engine engine = compute.start(record.threads(), type);
      opening.add(engine::close);
      Kernels kernels = new Kernels(engine, type);
      Computation computation = computation(record, compute);
      Session session = open(opening, spec, inputs, record, kernels, computation, console);
      opened = true;
      return session;
    } finally {
      if (!opened) {
        opening.close();
      }
    }
  }

  /** What was opened so far, newest first. */
  private static final class Opening {
    private final Deque<Runnable> closings = new ArrayDeque<>();

    void add(Runnable close) {
      closings.push(close);
    }

    void close() {
      closings.forEach(Runnable::run);
    }
  }

  private static Session open(
      Opening opening,
      FineTuneJobSpec spec,
      Inputs inputs,
      RunRecord record,
      Kernels kernels,
      Computation computation,
      Console console) {
    long start = System.nanoTime();
    Path initial = inputs.initialAdapter();
    AdapterSettings settings =
        new RequestedAdapter(spec.adapter(), inputs.modules(), ForgettingGuard.frozen(spec))
            .settings(initial == null ? null : InitialAdapter.config(initial, inputs.classifier()));
    Quantization quantization = inputs.quantization(spec);
    QuantizedCache cache = inputs.quantizedCache(quantization, record, console);
    AdaptedModel adapted =
        initial == null
            ? AdaptedModel.fresh(
                kernels,
                inputs.base(),
                inputs.modules(),
                quantization,
                settings,
                spec.training().seed(),
                cache)
            : AdaptedModel.stored(
                kernels, inputs.base(), inputs.modules(), quantization, settings, initial, cache);
    opening.add(adapted::close);
    DecoderModel model = adapted.model();
    LoraAdapter adapter = adapted.adapter();
    console.say(
        "Loaded %s in %.1f s: %s, %s, %d threads",
        inputs.base().name(),
        (System.nanoTime() - start) / 1e9,
        spec.method(),
        record.precision(),
        record.threads());
    console.say(
        "Adapter: rank %d, alpha %d, %d modules, %d parameters",
        settings.rank(), settings.alpha(), adapter.moduleCount(), adapter.parameterCount());
    ForgettingGuard guard = ForgettingGuard.of(spec);
    StepPlan plan = guard.steps(inputs.mixture());
    AdapterTrainer trainer =
        new AdapterTrainer(
            kernels,
            model,
            adapter,
            objective(spec, adapted, inputs.classifier()),
            spec.training(),
            new AdapterTrainer.Settings(
                spec.adapter().dropout(),
                record.tokenBudget(),
                rate(spec.training(), plan),
                spec.adapter().loraPlusRatio(),
                record.recompute(),
                guard.divergenceWeight()));
    ModelName base = ModelName.of(spec.model().uri(), spec.model().revision());
    return new Session(
        kernels.engine(),
        kernels,
        model,
        adapter,
        trainer,
        plan,
        guard.replay(inputs.general().replayed().size()),
        StepFlops.of(model, adapter),
        ProductRate.measure(kernels, ProductRate.BRIEF),
        computation,
        inputs.examples(),
        inputs.heldOut(),
        inputs.general(),
        new ExampleLosses(inputs.examples().size()),
        inputs.base().tokenizer(),
        new AdapterConfig(base.name(), base.revision(), settings, spec.task()).toJson(),
        inputs.classifier(),
        PromptFile.all(spec, inputs.base().tokenizer()));
  }

  private static Objective objective(
      FineTuneJobSpec spec, AdaptedModel adapted, @Nullable Classifier classifier) {
    return classifier == null
        ? adapted.model().loss(adapted.adapter(), spec.training().labelSmoothing())
        : adapted.model().headLoss(adapted.adapter(), classifier.problem());
  }

  /** Returns the general examples that a step replays, which is counted from 0; perhaps none. */
  List<Example> replayed(int step) {
    return replay == null
        ? List.of()
        : replay.examplesOf(step).stream().map(general.replayed()::get).toList();
  }

  /** Returns the most bytes of tensors so far. */
  long peakBytes() {
    return engine.peakBytes();
  }

  private static Computation computation(RunRecord record, Compute compute) {
    return new Computation(
        record.threads(),
        record.tokenBudget(),
        record.recompute(),
        record.precision(),
        compute.name(),
        Processor.model(),
        Processor.instructions(System.getenv()),
        Versions.all());
  }

  private static LearningRate rate(Training training, StepPlan plan) {
    ScheduleOptions options = training.scheduleOptions();
    return new LearningRate(
        training.schedule(),
        training.learningRate(),
        plan.warmupSteps(training),
        plan.totalSteps(),
        options == null ? ScheduleOptions.none() : options);
  }

  @Override
  public void close() {
    trainer.close();
    adapter.close();
    model.close();
    engine.close();
  }
}
