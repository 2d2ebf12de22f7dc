package dev.finetune.operator.status;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.status.AdapterStatus;
import dev.finetune.api.status.Condition;
import dev.finetune.api.status.ConditionType;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.api.FineTuneJob;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Writes the part of a status that the field manager {@code finetune-operator} owns: everything but
 * {@code progress}. The same situation gives an equal status, whatever the time.
 */
public final class StatusFactory {
  private static final int MAXIMUM_MESSAGE = 2048;

  private final Clock clock;

  /** Creates a factory that takes the times of changes from a clock. */
  public StatusFactory(Clock clock) {
    this.clock = clock;
  }

  /** Returns the status of a job in a situation. */
  public FineTuneJobStatus create(FineTuneJob job, Situation situation, History history) {
    FineTuneJobSpec spec = job.getSpec();
    Optional<FineTuneJobStatus> old = Optional.ofNullable(job.getStatus());
    String now = Texts.time(clock.instant());
    String firstStart =
        history.attempts().isEmpty() ? null : history.attempts().getFirst().startTime();
    return new FineTuneJobStatus(
        job.getMetadata().getGeneration(),
        situation.phase(),
        ModelName.of(spec.model().uri()),
        spec.method(),
        runFolder(job),
        Conditions.merge(job, conditions(job, situation, now)),
        history.attempts().isEmpty() ? null : history.attempts(),
        Math.max(history.restarts(), old.map(FineTuneJobStatus::restarts).orElse(0)),
        history.queue(),
        situation.reason().name(),
        old.map(FineTuneJobStatus::startTime).orElse(firstStart),
        situation.terminal() ? old.map(FineTuneJobStatus::completionTime).orElse(now) : null,
        null,
        adapter(job, history, old.map(FineTuneJobStatus::adapter).orElse(null)));
  }

  /** Returns the status of an ended job after a change of its spec: the same, but seen. */
  public FineTuneJobStatus observed(FineTuneJob job) {
    return copy(job.getStatus(), job.getMetadata().getGeneration());
  }

  /** Returns the part of a status that this factory writes. */
  public static @Nullable FineTuneJobStatus withoutProgress(@Nullable FineTuneJobStatus status) {
    return status == null ? null : copy(status, status.observedGeneration());
  }

  private static FineTuneJobStatus copy(FineTuneJobStatus old, @Nullable Long generation) {
    return new FineTuneJobStatus(
        generation,
        old.phase(),
        old.model(),
        old.method(),
        old.run(),
        old.conditions(),
        old.attempts(),
        old.restarts(),
        old.queue(),
        old.reason(),
        old.startTime(),
        old.completionTime(),
        null,
        old.adapter());
  }

  /**
   * Returns the status of a job whose reconciliation failed unexpectedly: as it was, but for the
   * conditions that say so.
   *
   * @param persistent whether it failed often enough that a person should look
   */
  public FineTuneJobStatus failing(FineTuneJob job, String message, boolean persistent) {
    String now = Texts.time(clock.instant());
    List<Condition> conditions = new ArrayList<>();
    for (ConditionType type : ConditionType.values()) {
      conditions.add(
          switch (type) {
            case Reconciling -> condition(job, type, true, Reason.ReconcileError, message, now);
            case Stalled -> condition(job, type, persistent, Reason.ReconcileError, message, now);
            case Ready, Queued, Running, Suspended, Complete, Failed ->
                Conditions.find(job, type)
                    .orElse(condition(job, type, false, Reason.Accepted, "", now));
          });
    }
    Optional<FineTuneJobStatus> old = Optional.ofNullable(job.getStatus());
    return new FineTuneJobStatus(
        old.map(FineTuneJobStatus::observedGeneration).orElse(null),
        old.map(FineTuneJobStatus::phase).orElse(null),
        ModelName.of(job.getSpec().model().uri()),
        job.getSpec().method(),
        runFolder(job),
        Conditions.merge(job, conditions),
        old.map(FineTuneJobStatus::attempts).orElse(null),
        old.map(FineTuneJobStatus::restarts).orElse(null),
        old.map(FineTuneJobStatus::queue).orElse(null),
        Reason.ReconcileError.name(),
        old.map(FineTuneJobStatus::startTime).orElse(null),
        null,
        null,
        old.map(FineTuneJobStatus::adapter).orElse(null));
  }

  /** Returns the URI of the folder of a job's run, without a slash at the end. */
  public static String runFolder(FineTuneJob job) {
    String folder =
        StorageLayout.runFolder(
            job.getMetadata().getNamespace(),
            job.getMetadata().getName(),
            SpecHash.of(job.getSpec()));
    return job.getSpec().storage().uri().replaceAll("/+$", "") + "/" + withoutSlash(folder);
  }

  private List<Condition> conditions(FineTuneJob job, Situation situation, String now) {
    List<Condition> conditions = new ArrayList<>();
    for (ConditionType type : ConditionType.values()) {
      boolean holds = holds(type, situation);
      boolean decides = holds || type == ConditionType.Ready;
      Reason reason = decides ? situation.reason() : reasonWhenFalse(type, situation);
      String message = decides ? Texts.clean(situation.message(), MAXIMUM_MESSAGE) : "";
      conditions.add(condition(job, type, holds, reason, message, now));
    }
    return conditions;
  }

  private static boolean holds(ConditionType type, Situation situation) {
    return switch (type) {
      case Ready, Complete -> situation instanceof Situation.Complete;
      case Reconciling -> !situation.terminal();
      case Stalled, Failed -> situation instanceof Situation.Failed;
      case Queued -> situation instanceof Situation.Pending && waits(situation.reason());
      case Running -> situation instanceof Situation.Running;
      case Suspended -> situation instanceof Situation.Suspended;
    };
  }

  /** Returns whether the job waits for something that the cluster has not given yet. */
  private static boolean waits(Reason reason) {
    return reason == Reason.QuotaPending
        || reason == Reason.Unschedulable
        || reason == Reason.ImagePull
        || reason == Reason.Volume;
  }

  private static Reason reasonWhenFalse(ConditionType type, Situation situation) {
    if (situation.terminal()) {
      return Reason.Ended;
    }
    return type == ConditionType.Suspended ? Reason.NotSuspended : Reason.InProgress;
  }

  private static Condition condition(
      FineTuneJob job,
      ConditionType type,
      boolean holds,
      Reason reason,
      String message,
      String now) {
    return new Condition(
        type.name(),
        holds ? "True" : "False",
        job.getMetadata().getGeneration(),
        now,
        reason.name(),
        message);
  }

  private static @Nullable AdapterStatus adapter(
      FineTuneJob job, History history, @Nullable AdapterStatus old) {
    if (history.head() == null || history.head().delivered() == null) {
      return old;
    }
    Delivery delivery = history.head().delivered();
    return new AdapterStatus(
        runFolder(job) + "/" + withoutSlash(delivery.folder()),
        delivery.manifestSha256(),
        Texts.loss(delivery.evalLossBefore()),
        Texts.loss(delivery.evalLossAfter()),
        delivery.adapterStep(),
        EvaluationText.metrics(delivery.before()),
        EvaluationText.metrics(delivery.after()),
        EvaluationText.generalLoss(delivery.before()),
        EvaluationText.generalLoss(delivery.after()));
  }

  private static String withoutSlash(String folder) {
    return folder.replaceAll("/+$", "");
  }
}
