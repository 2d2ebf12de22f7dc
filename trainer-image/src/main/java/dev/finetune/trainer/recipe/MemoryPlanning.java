package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.OptimizerOptions;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.adapter.RequestedAdapter;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.plan.MemoryLimit;
import dev.finetune.trainer.plan.Planner;
import dev.finetune.trainer.plan.Workload;
import dev.finetune.trainer.train.MicroBatches;
import dev.finetune.trainer.train.ReplayPlan;
import dev.finetune.trainer.train.StepPlan;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a job needs memory for. */
final class MemoryPlanning {
  /** Steps whose micro-batches are looked at; later ones are of the same kind. */
  private static final int STEPS = 20_000;

  private MemoryPlanning() {}

  /** Returns the planner of a job whose model and data were read. */
  static Planner of(FineTuneJobSpec spec, Inputs inputs, String precision, MemoryLimit limit) {
    Workload workload =
        workload(
            spec,
            inputs.base().config(),
            inputs.classifier(),
            inputs.quantization(spec),
            inputs.initialAdapter(),
            precision);
    return new Planner(workload, new Examples(spec, inputs), limit);
  }

  /** Returns the planner of a job of which only the model's shape is known. */
  static Planner of(FineTuneJobSpec spec, ModelConfig config, String precision, MemoryLimit limit) {
    int length = Math.min(spec.training().maxLength(), config.maxPositions());
    int global = Math.multiplyExact(length, spec.training().globalBatchSize());
    return new Planner(
        workload(spec, config, Classifier.assumed(spec), spec.quantization(), null, precision),
        new Planner.Uniform(length, global),
        limit);
  }

  private static Workload workload(
      FineTuneJobSpec spec,
      ModelConfig config,
      @Nullable Classifier classifier,
      @Nullable Quantization quantization,
      @Nullable Path initial,
      String precision) {
    ModelModules base = ModelModules.of(DecoderTensors.shapes(config), config.layers());
    ModelModules modules = classifier == null ? base : classifier.modules(base);
    AdapterShape shape =
        new RequestedAdapter(spec.adapter(), modules, ForgettingGuard.frozen(spec))
            .settings(initial == null ? null : InitialAdapter.config(initial, classifier))
            .shape(modules);
    OptimizerOptions options = spec.training().optimizerOptions();
    return new Workload(
        config,
        quantization,
        Resolved.elementType(precision),
        shape,
        spec.adapter().dropout(),
        spec.training().optimizer(),
        options != null && options.momentum() != null && options.momentum() > 0,
        ForgettingGuard.of(spec).divergenceWeight() > 0);
  }

  /** The micro-batches of the examples that were read. */
  private record Examples(FineTuneJobSpec spec, Inputs inputs) implements Planner.Batches {
    @Override
    public List<Workload.Batch> training(int tokenBudget) {
      ForgettingGuard guard = ForgettingGuard.of(spec);
      StepPlan plan = guard.steps(inputs.mixture());
      ReplayPlan replay = guard.replay(inputs.general().replayed().size());
      List<Workload.Batch> all = new ArrayList<>();
      for (int step = 0; step < Math.min(STEPS, plan.totalSteps()); step++) {
        List<Example> global = plan.examplesOf(step).stream().map(inputs.examples()::get).toList();
        MicroBatches.cut(global, tokenBudget).forEach(part -> all.add(batch(part)));
        if (replay != null) {
          List<Example> again =
              replay.examplesOf(step).stream().map(inputs.general().replayed()::get).toList();
          MicroBatches.cut(again, tokenBudget).forEach(part -> all.add(batch(part)));
        }
      }
      return largest(all);
    }

    @Override
    public List<Workload.Batch> evaluation(int tokenBudget) {
      return largest(
          Stream.of(inputs.heldOut(), inputs.general().heldOut())
              .flatMap(rows -> MicroBatches.cut(rows, tokenBudget).stream())
              .map(Examples::batch)
              .toList());
    }

    @Override
    public int longest() {
      return Stream.of(
              inputs.examples(),
              inputs.heldOut(),
              inputs.general().heldOut(),
              inputs.general().replayed())
          .flatMap(List::stream)
          .mapToInt(example -> example.inputIds().length)
          .max()
          .orElse(1);
    }

    private static Workload.Batch batch(List<Example> part) {
      return new Workload.Batch(
          part.stream().map(example -> example.inputIds().length).toList(),
          part.stream().mapToInt(Example::supervisedTokens).sum());
    }

    /** Memory grows with tokens, with supervised tokens and with the longest sequence. */
    private static List<Workload.Batch> largest(List<Workload.Batch> all) {
      List<Workload.Batch> largest = new ArrayList<>();
      for (Comparator<Workload.Batch> order :
          List.of(
              Comparator.comparingInt(Workload.Batch::tokens),
              Comparator.comparingInt(Workload.Batch::supervised),
              Comparator.comparingInt(Workload.Batch::longest)
                  .thenComparingInt(Workload.Batch::tokens))) {
        all.stream().max(order).filter(b -> !largest.contains(b)).ifPresent(largest::add);
      }
      return largest;
    }
  }
}
