package dev.finetune.trainer.plan;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.failure.PlanDoesNotFit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Chooses how many tokens are worked on at a time, and whether blocks are computed again, so that a
 * run fits in memory.
 *
 * @param workload the run
 * @param batches its micro-batches
 * @param limit memory that it may use
 */
public record Planner(Workload workload, Batches batches, MemoryLimit limit) {
  /** Tokens of a micro-batch beyond which a processor gets no faster. */
  public static final int FULL_SPEED_TOKENS = 2048;

  /** The micro-batches of a run that may need most memory. */
  public interface Batches {
    /** Returns those to train on if none but a single sequence has more tokens than the budget. */
    List<Workload.Batch> training(int tokenBudget);

    /** Returns those of held-out rows, perhaps none. */
    List<Workload.Batch> evaluation(int tokenBudget);

    /** Returns the length of the longest sequence. */
    int longest();
  }

  /** Returns the predicted memory of a choice. */
  public MemoryPlan plan(int tokenBudget, boolean recompute) {
    List<Workload.Batch> training = batches.training(tokenBudget);
    List<PhasePeak> phases =
        new Prediction(workload).phases(training, batches.evaluation(tokenBudget), recompute);
    int tokens = training.stream().mapToInt(Workload.Batch::tokens).max().orElse(0);
    long parameters = new ModelMemory(workload).adapterSize();
    List<MemoryPlan.Allocation> process = ProcessMemory.of(workload, parameters, tokens);
    return switch (limit.place()) {
      case PROCESS -> new MemoryPlan(tokenBudget, recompute, phases, process, List.of());
      case GPU ->
          new MemoryPlan(
              tokenBudget,
              recompute,
              phases,
              GpuMemory.of(workload, training, phases),
              GpuMemory.host(process));
    };
  }

  /**
   * Checks what a plan leaves to the process, where tensors lie in a GPU's memory.
   *
   * @throws PlanDoesNotFit if that is more than the process may use
   */
  public static void requireHost(MemoryPlan plan, MemoryLimit host) {
    if (plan.processBytes() > host.bytes()) {
      throw new PlanDoesNotFit(
          "the process needs %s beside the GPU, %s is %s; use more memory"
              .formatted(text(plan.processBytes()), host.source(), text(host.bytes())));
    }
  }

  /**
   * Returns the fastest choice that fits: full speed, full speed with blocks computed again, and
   * then the same for ever fewer tokens.
   *
   * @throws PlanDoesNotFit with a hint, if the longest example alone does not fit
   */
  public MemoryPlan choose() {
    MemoryPlan last = null;
    for (int budget : budgets()) {
      for (boolean recompute : new boolean[] {false, true}) {
        last = plan(budget, recompute);
        if (last.peakBytes() <= limit.bytes()) {
          return last;
        }
      }
    }
    if (last == null) {
      throw new IllegalStateException("there is at least one budget");
    }
    throw new PlanDoesNotFit(
        "the run needs %s, %s is %s; %s"
            .formatted(text(last.peakBytes()), limit.source(), text(limit.bytes()), hint()));
  }

  /** Whole powers of two from full speed down to the longest sequence. */
  private List<Integer> budgets() {
    List<Integer> budgets = new ArrayList<>();
    int longest = Math.max(1, batches.longest());
    for (int budget = FULL_SPEED_TOKENS; budget > longest; budget /= 2) {
      budgets.add(budget);
    }
    budgets.add(longest);
    return budgets;
  }

  private String hint() {
    List<String> hints = new ArrayList<>();
    if (workload.quantization() == null) {
      Workload quantized =
          new Workload(
              workload.config(),
              Quantization.defaults(),
              workload.type(),
              workload.adapter(),
              workload.dropout(),
              workload.optimizer(),
              workload.momentum(),
              workload.divergence());
      hint(new Planner(quantized, batches, limit), "spec.quantization").ifPresent(hints::add);
    }
    int half = Math.max(2, batches.longest() / 2);
    Batches shorter = new Uniform(half, half);
    hint(new Planner(workload, shorter, limit), "spec.training.maxLength: " + half)
        .ifPresent(hints::add);
    if (hints.isEmpty()) {
      return "use a smaller model or more memory";
    }
    return "it would fit with " + String.join(", or with ", hints);
  }

  private static Optional<String> hint(Planner other, String what) {
    MemoryPlan least = other.plan(Math.max(1, other.batches.longest()), true);
    return least.peakBytes() <= other.limit.bytes()
        ? Optional.of("%s (%s)".formatted(what, text(least.peakBytes())))
        : Optional.empty();
  }

  /**
   * Micro-batches of sequences of one length of which every token is learned.
   *
   * @param length length of each sequence
   * @param globalTokens tokens of an optimizer step
   */
  public record Uniform(int length, int globalTokens) implements Batches {
    @Override
    public List<Workload.Batch> training(int tokenBudget) {
      int count = Math.max(1, Math.min(tokenBudget, globalTokens) / length);
      return List.of(
          new Workload.Batch(Collections.nCopies(count, length), count * Math.max(1, length - 1)));
    }

    @Override
    public List<Workload.Batch> evaluation(int tokenBudget) {
      return List.of();
    }

    @Override
    public int longest() {
      return length;
    }
  }

  /** Returns bytes as people write them. */
  static String text(long bytes) {
    double mebibytes = bytes / (double) (1 << 20);
    return mebibytes < 10_000
        ? String.format(Locale.ROOT, "%.0f MiB", mebibytes)
        : String.format(Locale.ROOT, "%.1f GiB", mebibytes / 1024);
  }
}
