package dev.finetune.operator.status;

import dev.finetune.api.status.Condition;
import dev.finetune.api.status.ConditionType;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.operator.api.FineTuneJob;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The list of conditions, a map by type. */
public final class Conditions {
  private static final String TRUE = "True";

  private Conditions() {}

  /** Returns the condition of a type, if the job has one. */
  public static Optional<Condition> find(FineTuneJob job, ConditionType type) {
    FineTuneJobStatus status = job.getStatus();
    if (status == null || status.conditions() == null) {
      return Optional.empty();
    }
    return status.conditions().stream().filter(c -> c.type().equals(type.name())).findFirst();
  }

  /** Returns whether the job has the condition with status True. */
  public static boolean isTrue(FineTuneJob job, ConditionType type) {
    return find(job, type).filter(condition -> condition.status().equals(TRUE)).isPresent();
  }

  /** Returns whether the job has ended for good, by its own status alone. */
  public static boolean isTerminal(FineTuneJob job) {
    return isTrue(job, ConditionType.Complete) || isTrue(job, ConditionType.Failed);
  }

  /**
   * Returns the new conditions, each with the transition time of the old one of its type if the
   * status did not change.
   */
  static List<Condition> merge(FineTuneJob job, List<Condition> next) {
    List<Condition> merged = new ArrayList<>();
    for (Condition condition : next) {
      String time =
          find(job, ConditionType.valueOf(condition.type()))
              .filter(old -> old.status().equals(condition.status()))
              .map(Condition::lastTransitionTime)
              .orElse(condition.lastTransitionTime());
      merged.add(
          new Condition(
              condition.type(),
              condition.status(),
              condition.observedGeneration(),
              time,
              condition.reason(),
              condition.message()));
    }
    return List.copyOf(merged);
  }
}
