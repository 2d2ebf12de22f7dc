package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.Adapter;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.adapter.TargetModules;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleOrder;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.train.AdapterTrainer;
import dev.finetune.trainer.train.StepPlan;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Everything in memory that an attempt trains with.
 *
 * @param tokenizer the base model's; stays the inputs'
 * @param adapterConfig content of {@code adapter_config.json}
 */
record Session(
    Engine engine,
    DecoderModel model,
    LoraAdapter adapter,
    AdapterTrainer trainer,
    StepPlan plan,
    List<Example> examples,
    List<Example> heldOut,
    Tokenizer tokenizer,
    String adapterConfig)
    implements AutoCloseable {
  private static final int DEFAULT_RANK = 16;
  private static final int DEFAULT_ALPHA = 32;
  private static final List<String> DEFAULT_TARGETS = List.of(TargetModules.ALL_LINEAR);

  /** Loads the model and makes the adapter, as the run's record says. */
  static Session open(FineTuneJobSpec spec, Inputs inputs, RunRecord record, Console console) {
    Opening opening = new Opening();
    boolean opened = false;
    try {
      Session session = open(opening, spec, inputs, record, console);
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
      Opening opening, FineTuneJobSpec spec, Inputs inputs, RunRecord record, Console console) {
    Engine engine = Engine.start(record.threads());
    opening.add(engine::close);
    Kernels kernels = new Kernels(engine, Resolved.elementType(record.precision()));
    long start = System.nanoTime();
    DecoderModel model =
        ModelLoader.load(
            kernels, inputs.base().config(), inputs.base().weights(), spec.quantization());
    opening.add(model::close);
    console.say(
        "Loaded %s in %.1f s: %s, %s, %d threads",
        inputs.base().name(),
        (System.nanoTime() - start) / 1e9,
        spec.method(),
        record.precision(),
        record.threads());
    AdapterShape shape = AdapterShape.of(spec.adapter(), inputs.initialAdapter());
    TargetModules targets =
        TargetModules.resolve(
            shape.targets(), model.linears().stream().map(LinearShape::name).toList());
    LoraAdapter adapter = adapter(kernels, model, shape, targets, spec, inputs.initialAdapter());
    opening.add(adapter::close);
    console.say(
        "Adapter: rank %d, alpha %d, %d modules, %d parameters",
        shape.rank(), shape.alpha(), targets.modules().size(), adapter.parameterCount());
    StepPlan plan = plan(spec.training(), inputs.examples().size());
    AdapterTrainer trainer =
        new AdapterTrainer(
            kernels,
            model,
            adapter,
            spec.training(),
            new AdapterTrainer.Settings(
                spec.adapter().dropout(), record.tokenBudget(), rate(spec.training(), plan)));
    return new Session(
        engine,
        model,
        adapter,
        trainer,
        plan,
        inputs.examples(),
        inputs.heldOut(),
        inputs.base().tokenizer(),
        config(spec, shape, targets));
  }

  private static LoraAdapter adapter(
      Kernels kernels,
      DecoderModel model,
      AdapterShape shape,
      TargetModules targets,
      FineTuneJobSpec spec,
      @Nullable Path initial) {
    List<LinearShape> linears =
        model.linears().stream()
            .filter(linear -> targets.modules().contains(linear.name()))
            .toList();
    LoraAdapter adapter = new LoraAdapter(kernels, linears, shape.rank(), shape.alpha());
    if (initial == null) {
      adapter.initialize(spec.training().seed());
    } else {
      adapter.setTensors(
          AdapterFiles.read(initial.resolve(AdapterFiles.WEIGHTS), adapter.tensors()));
    }
    return adapter;
  }

  private static StepPlan plan(Training training, int examples) {
    return StepPlan.of(
        training,
        examples,
        epoch -> ExampleOrder.permutation(training.seed(), epoch, examples, training.shuffle()));
  }

  private static LearningRate rate(Training training, StepPlan plan) {
    return new LearningRate(
        training.schedule(),
        training.learningRate(),
        plan.warmupSteps(training),
        plan.totalSteps());
  }

  private static String config(FineTuneJobSpec spec, AdapterShape shape, TargetModules targets) {
    return new AdapterConfig(
            spec.model().uri(),
            spec.model().revision(),
            shape.rank(),
            shape.alpha(),
            spec.adapter().dropout(),
            targets.pattern(),
            targets.names())
        .toJson();
  }

  /** Rank, alpha and targets of the job, or of the adapter that it starts from. */
  private record AdapterShape(int rank, int alpha, List<String> targets) {
    static AdapterShape of(Adapter adapter, @Nullable Path initial) {
      if (initial == null) {
        return new AdapterShape(
            orElse(adapter.rank(), DEFAULT_RANK),
            orElse(adapter.alpha(), DEFAULT_ALPHA),
            orElse(adapter.targetModules(), DEFAULT_TARGETS));
      }
      AdapterConfig config = AdapterConfig.read(initial.resolve(AdapterFiles.CONFIG));
      checkSame("spec.adapter.rank", adapter.rank(), config.rank());
      checkSame("spec.adapter.alpha", adapter.alpha(), config.alpha());
      List<String> targets =
          config.pattern().isEmpty() ? config.targets() : List.of(config.pattern());
      return new AdapterShape(
          config.rank(), config.alpha(), orElse(adapter.targetModules(), targets));
    }

    private static void checkSame(String field, @Nullable Integer wanted, int found) {
      if (wanted != null && wanted != found) {
        throw new InvalidConfiguration(
            "%s: must be that of spec.adapter.initFrom, %d, was %d"
                .formatted(field, found, wanted));
      }
    }

    private static <T> T orElse(@Nullable T value, T other) {
      return value == null ? other : value;
    }
  }

  @Override
  public void close() {
    trainer.close();
    adapter.close();
    model.close();
    engine.close();
  }
}
