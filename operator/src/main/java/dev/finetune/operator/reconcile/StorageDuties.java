package dev.finetune.operator.reconcile;

import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.dependent.Events;
import dev.finetune.operator.dependent.JobActions;
import dev.finetune.operator.progress.RunChanges;
import dev.finetune.operator.status.Situation;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;

/** What the operator changes in object storage, all of it asked for by the user. */
final class StorageDuties {
  private final StorageFinalizer finalizer;
  private final CheckpointNow checkpointNow;
  private final CheckpointCleanup checkpoints;

  StorageDuties(
      KubernetesClient client,
      JobActions actions,
      RunChanges changes,
      OperatorConfig config,
      Clock clock) {
    Events events = new Events(client, clock);
    Pauses pauses = new Pauses(clock);
    Duration deadline = config.storage().deletionDeadline();
    this.finalizer = new StorageFinalizer(client, actions, changes, events, deadline, clock);
    this.checkpointNow = new CheckpointNow(changes, events, pauses);
    this.checkpoints = new CheckpointCleanup(changes, events, pauses);
  }

  /**
   * Sets or removes the finalizer, and deletes the run of a job that is being deleted.
   *
   * @return when to go on, if the job is being deleted and not gone yet
   */
  Optional<Duration> settle(FineTuneJob job) {
    return finalizer.settle(job);
  }

  /**
   * Does what is due for a job that is not being deleted.
   *
   * @param situation how the job stands, if that was found out
   * @return when to go on, if there is more to do
   */
  Optional<Duration> attend(Observation observation, Optional<Situation> situation) {
    situation.ifPresent(now -> checkpointNow.ask(observation, now));
    return checkpoints.cleanUp(observation.job());
  }

  /** Forgets a job that is gone. */
  void forget(String uid) {
    checkpointNow.forget(uid);
    checkpoints.forget(uid);
  }
}
