package dev.finetune.operator.reconcile;

import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.dependent.Events;
import dev.finetune.operator.dependent.Finalizers;
import dev.finetune.operator.dependent.JobActions;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.progress.RunChanges;
import dev.finetune.operator.progress.RunChanges.Outcome;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Deletes the run of a job that is being deleted, if the user asked for it, and lets the job go:
 * after the deadline at the latest, whatever stands in the way.
 */
final class StorageFinalizer {
  private static final String ACTION = "DeleteRun";
  private static final Duration SOON = Duration.ofMillis(100);
  private static final Duration PODS = Duration.ofSeconds(2);

  private final KubernetesClient client;
  private final RunChanges changes;
  private final Events events;
  private final Pauses pauses;
  private final Duration deadline;
  private final Clock clock;
  private final Finalizers finalizers;
  private final JobActions actions;

  StorageFinalizer(
      KubernetesClient client,
      JobActions actions,
      RunChanges changes,
      Events events,
      Duration deadline,
      Clock clock) {
    this.client = client;
    this.actions = actions;
    this.changes = changes;
    this.events = events;
    this.pauses = new Pauses(clock);
    this.deadline = deadline;
    this.clock = clock;
    this.finalizers = new Finalizers(client);
  }

  /**
   * Sets or removes the finalizer as the policy asks, and goes on with a deletion.
   *
   * @return when to look again, if the job is being deleted and not gone yet
   */
  Optional<Duration> settle(FineTuneJob job) {
    return switch (FinalizerPolicy.decide(job)) {
      case NOTHING -> Optional.empty();
      case ADD -> {
        finalizers.add(job);
        yield Optional.empty();
      }
      case REMOVE -> {
        finalizers.remove(job);
        yield Optional.empty();
      }
      case CLEAN_UP -> cleanUp(job);
    };
  }

  private Optional<Duration> cleanUp(FineTuneJob job) {
    // Before anything is asked that may fail: nothing must keep the job longer.
    if (FinalizerPolicy.isLate(job, clock.instant(), deadline)) {
      return giveUp(job, "not done within " + deadline.toSeconds() + " s");
    }
    List<Job> jobs = jobs(job);
    List<Pod> pods = pods(job);
    return switch (FinalizerPolicy.clean(job, jobs, pods, clock.instant(), deadline)) {
      case GIVE_UP -> giveUp(job, "not done within " + deadline.toSeconds() + " s");
      case DELETE_JOBS -> {
        actions.remove(job, jobs);
        yield Optional.of(SOON);
      }
      case AWAIT_PODS -> Optional.of(PODS);
      case DELETE_RUN -> deleteRun(job);
    };
  }

  private Optional<Duration> deleteRun(FineTuneJob job) {
    String key = "delete/" + job.getMetadata().getUid();
    Duration pause = pauses.left(key);
    if (pause.isPositive()) {
      return Optional.of(pause);
    }
    return switch (changes.deleteRun(job)) {
      case Outcome.Done _ -> {
        events.say(job, Events.Type.NORMAL, "RunDeleted", ACTION, "the run is deleted");
        yield letGo(job);
      }
      case Outcome.Unfinished() -> Optional.of(SOON);
      case Outcome.Refused(String message) -> giveUp(job, message);
      case Outcome.NotConfigured(String message) -> giveUp(job, message);
      case Outcome.Denied(String message) ->
          // Its Secret goes with the namespace, so this will never be better.
          isNamespaceTerminating(job) ? giveUp(job, message) : later(job, key, message);
      case Outcome.Unavailable(String message) -> later(job, key, message);
    };
  }

  private Optional<Duration> later(FineTuneJob job, String key, String message) {
    events.say(job, Events.Type.WARNING, "RunNotDeletedYet", ACTION, message);
    Duration pause = pauses.failed(key);
    return Optional.of(pause.compareTo(deadline) < 0 ? pause : deadline);
  }

  private Optional<Duration> giveUp(FineTuneJob job, String why) {
    events.say(job, Events.Type.WARNING, "RunKept", ACTION, "the run stays in its storage: " + why);
    return letGo(job);
  }

  private Optional<Duration> letGo(FineTuneJob job) {
    finalizers.remove(job);
    pauses.forget("delete/" + job.getMetadata().getUid());
    return Optional.empty();
  }

  /** Asks the API server and not the cache: what is missing there may only be late. */
  private List<Job> jobs(FineTuneJob job) {
    return client
        .batch()
        .v1()
        .jobs()
        .inNamespace(job.getMetadata().getNamespace())
        .withLabel(Labels.MANAGED_BY, Labels.OPERATOR)
        .withLabel(Labels.JOB, job.getMetadata().getName())
        .list()
        .getItems()
        .stream()
        .filter(child -> Labels.isOwned(child, job.getMetadata().getUid()))
        .toList();
  }

  /** Returns pods by their labels: the Jobs that own them may be gone before them. */
  private List<Pod> pods(FineTuneJob job) {
    return client
        .pods()
        .inNamespace(job.getMetadata().getNamespace())
        .withLabel(Labels.MANAGED_BY, Labels.OPERATOR)
        .withLabel(Labels.JOB, job.getMetadata().getName())
        .list()
        .getItems();
  }

  private boolean isNamespaceTerminating(FineTuneJob job) {
    try {
      Namespace namespace = client.namespaces().withName(job.getMetadata().getNamespace()).get();
      return namespace != null && namespace.getMetadata().getDeletionTimestamp() != null;
    } catch (KubernetesClientException e) {
      if (e.getCode() == HttpURLConnection.HTTP_FORBIDDEN) {
        // An operator that may not look waits until the deadline.
        return false;
      }
      throw e;
    }
  }
}
