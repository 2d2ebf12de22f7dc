package dev.finetune.operator.reconcile;

import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.dependent.Events;
import dev.finetune.operator.progress.RunChanges;
import dev.finetune.operator.progress.RunChanges.Outcome;
import dev.finetune.operator.status.Situation;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Asks trainers for checkpoints, once for each new value of the annotation. */
final class CheckpointNow {
  private final RunChanges changes;
  private final Events events;
  private final Pauses pauses;
  private final Map<String, String> asked = new ConcurrentHashMap<>();

  CheckpointNow(RunChanges changes, Events events, Pauses pauses) {
    this.changes = changes;
    this.events = events;
    this.pauses = pauses;
  }

  /** Asks, if there is something to ask for and the last try is long enough ago. */
  void ask(Observation observation, Situation situation) {
    FineTuneJob job = observation.job();
    switch (CheckpointRequestPolicy.decide(observation, situation)) {
      case CheckpointRequestPolicy.Verdict.Nothing() -> {}
      case CheckpointRequestPolicy.Verdict.Invalid(String message) ->
          events.say(
              job, Events.Type.WARNING, "CheckpointRequestInvalid", "RequestCheckpoint", message);
      case CheckpointRequestPolicy.Verdict.Ask(String id) -> {
        String uid = job.getMetadata().getUid();
        if (!id.equals(asked.get(uid)) && pauses.left(key(uid)).isZero()) {
          report(job, id, changes.requestCheckpoint(job, id));
        }
      }
    }
  }

  void forget(String uid) {
    asked.remove(uid);
    pauses.forget(key(uid));
  }

  private void report(FineTuneJob job, String id, Outcome outcome) {
    String uid = job.getMetadata().getUid();
    switch (outcome) {
      case Outcome.Done(int objects) -> {
        asked.put(uid, id);
        pauses.forget(key(uid));
        if (objects > 0) {
          events.say(
              job,
              Events.Type.NORMAL,
              "CheckpointRequested",
              "RequestCheckpoint",
              "the trainer is asked for a checkpoint: " + id);
        }
      }
      case Outcome.Unfinished() -> pauses.failed(key(uid));
      case Outcome.Refused(String message) -> failed(job, message);
      case Outcome.NotConfigured(String message) -> failed(job, message);
      case Outcome.Denied(String message) -> failed(job, message);
      case Outcome.Unavailable(String message) -> failed(job, message);
    }
  }

  private void failed(FineTuneJob job, String message) {
    pauses.failed(key(job.getMetadata().getUid()));
    events.say(job, Events.Type.WARNING, "CheckpointRequestFailed", "RequestCheckpoint", message);
  }

  private static String key(String uid) {
    return "request/" + uid;
  }
}
