package dev.finetune.operator.reconcile;

import dev.finetune.api.status.ConditionType;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.dependent.Events;
import dev.finetune.operator.progress.RunChanges;
import dev.finetune.operator.progress.RunChanges.Outcome;
import dev.finetune.operator.status.Conditions;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Deletes the checkpoints of jobs that are complete, if the user asked for it. What is done is
 * remembered by this process only: after a restart, two requests a job tell that nothing is left.
 */
final class CheckpointCleanup {
  private static final String ACTION = "DeleteCheckpoints";
  private static final Duration SOON = Duration.ofMillis(100);

  private final RunChanges changes;
  private final Events events;
  private final Pauses pauses;
  private final Set<String> done = ConcurrentHashMap.newKeySet();

  CheckpointCleanup(RunChanges changes, Events events, Pauses pauses) {
    this.changes = changes;
    this.events = events;
    this.pauses = pauses;
  }

  /**
   * Deletes checkpoints, if it is time for it.
   *
   * @return when to go on, if there is more to do
   */
  Optional<Duration> cleanUp(FineTuneJob job) {
    String uid = job.getMetadata().getUid();
    boolean wanted =
        Conditions.isTrue(job, ConditionType.Complete) && FinalizerPolicy.deletesCheckpoints(job);
    if (!wanted || done.contains(uid)) {
      return Optional.empty();
    }
    Duration pause = pauses.left(key(uid));
    return pause.isPositive() ? Optional.of(pause) : report(job, changes.deleteCheckpoints(job));
  }

  void forget(String uid) {
    done.remove(uid);
    pauses.forget(key(uid));
  }

  private Optional<Duration> report(FineTuneJob job, Outcome outcome) {
    return switch (outcome) {
      case Outcome.Done(int objects) -> {
        if (objects > 0) {
          events.say(
              job,
              Events.Type.NORMAL,
              "CheckpointsDeleted",
              ACTION,
              "the checkpoints are deleted, the adapter stays");
        }
        yield end(job);
      }
      case Outcome.Unfinished() -> Optional.of(SOON);
      case Outcome.Refused(String message) -> kept(job, message);
      case Outcome.NotConfigured(String message) -> kept(job, message);
      case Outcome.Denied(String message) -> later(job, message);
      case Outcome.Unavailable(String message) -> later(job, message);
    };
  }

  private Optional<Duration> kept(FineTuneJob job, String message) {
    events.say(job, Events.Type.WARNING, "CheckpointsKept", ACTION, message);
    return end(job);
  }

  private Optional<Duration> end(FineTuneJob job) {
    done.add(job.getMetadata().getUid());
    pauses.forget(key(job.getMetadata().getUid()));
    return Optional.empty();
  }

  private Optional<Duration> later(FineTuneJob job, String message) {
    events.say(job, Events.Type.WARNING, "CheckpointsNotDeletedYet", ACTION, message);
    return Optional.of(pauses.failed(key(job.getMetadata().getUid())));
  }

  private static String key(String uid) {
    return "checkpoints/" + uid;
  }
}
