package dev.finetune.trainer.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A memory plan as lines for a person. */
public final class PlanTable {
  private static final String ROW = "  %-52s %12s";

  private PlanTable() {}

  /** Returns the choice, and every allocation at the worst moment of each phase. */
  public static List<String> lines(MemoryPlan plan, MemoryLimit limit) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "Micro-batches of up to %d tokens, blocks %s."
            .formatted(
                plan.tokenBudget(),
                plan.recompute() ? "computed again on the way back" : "remembered"));
    for (PhasePeak phase : plan.phases()) {
      lines.add("");
      lines.add(
          row("At the peak of " + phase.phase().text(), Planner.text(phase.nativeBytes())).strip());
      phase.allocations().stream()
          .sorted(Comparator.comparingLong(MemoryPlan.Allocation::bytes).reversed())
          .forEach(a -> lines.add(row(a.name(), Planner.text(a.bytes()))));
    }
    lines.add("");
    lines.add("Beside tensors:");
    plan.beside().forEach(a -> lines.add(row(a.name(), Planner.text(a.bytes()))));
    if (!plan.host().isEmpty()) {
      lines.add("");
      lines.add(row("On the host", Planner.text(plan.processBytes())).strip());
      plan.host().forEach(a -> lines.add(row(a.name(), Planner.text(a.bytes()))));
    }
    lines.add("");
    lines.add(summary(plan, limit));
    return lines;
  }

  /** Returns the plan in a sentence. */
  public static String summary(MemoryPlan plan, MemoryLimit limit) {
    return "Memory: %s at the peak of %s, %s of it tensors; %s is %s."
        .formatted(
            Planner.text(plan.peakBytes()),
            plan.worst().phase().text(),
            Planner.text(plan.tensorBytes()),
            limit.source(),
            Planner.text(limit.bytes()));
  }

  /**
   * Returns what was predicted and what came of it.
   *
   * @param tensorBytes most bytes of tensors, as the engine counted
   * @param peakBytes most resident memory of the process, or null if the system does not tell
   */
  public static String outcome(MemoryPlan plan, long tensorBytes, @Nullable Long peakBytes) {
    return "Peak memory, predicted and measured: tensors %s, %s; process %s, %s."
        .formatted(
            Planner.text(plan.tensorBytes()),
            Planner.text(tensorBytes),
            Planner.text(plan.processBytes()),
            peakBytes == null ? "unknown" : Planner.text(peakBytes));
  }

  private static String row(String name, String size) {
    return String.format(Locale.ROOT, ROW, name, size);
  }
}
