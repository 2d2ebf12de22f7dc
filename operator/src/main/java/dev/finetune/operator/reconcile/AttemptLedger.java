package dev.finetune.operator.reconcile;

import dev.finetune.api.run.Progress;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.status.Texts;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The attempts of a job: those of its status, brought up to date by what was observed. What has
 * ended once is never written again, so a deleted Job changes nothing.
 */
final class AttemptLedger {
  /** How many attempts a status lists. */
  static final int KEPT = 10;

  private static final int MAXIMUM_WORDS = 1024;

  /** How long the last words of a pod are waited for after its Job has failed. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private AttemptLedger() {}

  /** Returns the attempts, oldest first; at most the last has not ended. */
  static List<AttemptStatus> of(Observation observation) {
    TreeMap<Integer, AttemptStatus> attempts = new TreeMap<>();
    for (AttemptStatus attempt : recorded(observation)) {
      attempts.put(attempt.number(), attempt);
    }
    for (Job job : observation.jobs()) {
      attempts.merge(
          Labels.number(job), open(job), (old, fresh) -> old.endTime() == null ? fresh : old);
    }
    attempts.replaceAll(
        (_, attempt) -> attempt.endTime() == null ? settle(attempt, observation) : attempt);
    return trim(new ArrayList<>(attempts.values()));
  }

  private static List<AttemptStatus> recorded(Observation observation) {
    return observation.job().getStatus() == null || observation.job().getStatus().attempts() == null
        ? List.of()
        : observation.job().getStatus().attempts();
  }

  private static AttemptStatus open(Job job) {
    return new AttemptStatus(
        Labels.number(job),
        job.getMetadata().getName(),
        job.getMetadata().getCreationTimestamp(),
        null,
        null,
        null,
        null,
        null);
  }

  private static AttemptStatus settle(AttemptStatus attempt, Observation observation) {
    Optional<Job> job = observation.job(attempt.number());
    if (job.isEmpty()) {
      return end(attempt, observation, observation.now(), AttemptEnd.DELETED, null, "");
    }
    JobState state = JobState.of(job.get());
    Instant ended = state.ended() == null ? observation.now() : state.ended();
    if (state.succeeded()) {
      return settleSuccess(attempt, observation, ended);
    }
    if (!state.failed()) {
      return attempt;
    }
    Optional<PodTermination> pod = termination(observation, attempt.number());
    boolean unexplained =
        observation.newestPod(attempt.number()).isPresent() || state.exitStatus() == null;
    if (pod.isEmpty() && unexplained && isPodBehind(observation, ended)) {
      return attempt;
    }
    Integer exitStatus = pod.map(PodTermination::exitStatus).orElse(state.exitStatus());
    AttemptEnd how =
        AttemptEnd.ofFailure(exitStatus, pod.filter(PodTermination::outOfMemory).isPresent());
    return end(
        attempt, observation, ended, how, exitStatus, words(attempt, observation, pod, state));
  }

  /** A Job that succeeded has delivered, if the storage says so or cannot be asked. */
  private static AttemptStatus settleSuccess(
      AttemptStatus attempt, Observation observation, Instant ended) {
    boolean delivered = observation.delivery().isPresent();
    return switch (observation.run().access()) {
      case READ ->
          delivered
              ? end(attempt, observation, ended, AttemptEnd.DELIVERED, 0, "")
              : end(
                  attempt,
                  observation,
                  ended,
                  AttemptEnd.CRASHED,
                  0,
                  "the trainer ended with exit 0, but head.json lists no adapter");
      case NOT_READABLE -> end(attempt, observation, ended, AttemptEnd.DELIVERED, 0, "");
      case UNREACHABLE, BROKEN ->
          delivered ? end(attempt, observation, ended, AttemptEnd.DELIVERED, 0, "") : attempt;
    };
  }

  private static AttemptStatus end(
      AttemptStatus attempt,
      Observation observation,
      Instant ended,
      AttemptEnd how,
      @Nullable Integer exitStatus,
      String words) {
    return new AttemptStatus(
        attempt.number(),
        attempt.job(),
        attempt.startTime(),
        Texts.time(ended),
        exitStatus,
        how.reason().name(),
        observation.run().checkpointStep(),
        words.isEmpty() ? null : Texts.clean(words, MAXIMUM_WORDS));
  }

  private static Optional<PodTermination> termination(Observation observation, int number) {
    return observation.newestPod(number).flatMap(PodTermination::of);
  }

  /** Returns whether the end of the newest pod may still be reported, after its Job has failed. */
  private static boolean isPodBehind(Observation observation, Instant ended) {
    return observation.now().isBefore(ended.plus(PATIENCE));
  }

  /** Returns the trainer's own last word, else the last line of its log, else the Job's message. */
  private static String words(
      AttemptStatus attempt,
      Observation observation,
      Optional<PodTermination> pod,
      JobState state) {
    Progress progress = observation.run().progress();
    Instant start = JobState.time(attempt.startTime());
    if (progress != null
        && progress.state() == Progress.State.FAILED
        && progress.lastWord() != null
        && (start == null || !progress.updated().isBefore(start))) {
      return progress.lastWord();
    }
    String log = pod.map(PodTermination::words).map(Texts::lastLine).orElse("");
    return log.isEmpty() ? state.message() : log;
  }

  /** Drops what does not count first: a long outage must not hide crashes. */
  private static List<AttemptStatus> trim(List<AttemptStatus> attempts) {
    while (attempts.size() > KEPT) {
      int drop = 0;
      for (int i = 0; i < attempts.size() - 1; i++) {
        if (!AttemptEnd.ofReason(attempts.get(i).reason()).counted()) {
          drop = i;
          break;
        }
      }
      attempts.remove(drop);
    }
    return List.copyOf(attempts);
  }
}
