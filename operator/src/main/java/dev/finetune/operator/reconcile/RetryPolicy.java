package dev.finetune.operator.reconcile;

import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.status.Situation;
import dev.finetune.operator.status.Texts;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What follows an attempt that ended. A wrong input, a divergence and a plan that does not fit end
 * the job. A storage that does not answer is waited for without end. Everything else is tried
 * again, with a wait that doubles, until too many attempts in a row left no new checkpoint.
 */
final class RetryPolicy {
  private final OperatorConfig.Retry config;

  RetryPolicy(OperatorConfig.Retry config) {
    int attempts = config.maxAttemptsWithoutProgress();
    if (attempts < 1 || attempts >= AttemptLedger.KEPT) {
      throw new IllegalArgumentException(
          "finetune.operator.retry.max-attempts-without-progress: must be 1 to %d, was %d"
              .formatted(AttemptLedger.KEPT - 1, attempts));
    }
    this.config = config;
  }

  /** Returns what follows the last attempt, which has ended. */
  Decision afterEnd(Observation observation, List<AttemptStatus> attempts) {
    AttemptStatus last = attempts.getLast();
    AttemptEnd end = AttemptEnd.ofReason(last.reason());
    if (observation.delivery().isPresent() || end == AttemptEnd.DELIVERED) {
      return new Decision.Finish(delivered(observation));
    }
    if (!end.retried()) {
      return new Decision.Finish(new Situation.Failed(end.reason(), describe(observation, last)));
    }
    if (end == AttemptEnd.FENCED) {
      Optional<Decision> wait = waitForTheNewer(observation, last);
      if (wait.isPresent()) {
        return wait.get();
      }
    }
    int failures = end.counted() ? failuresWithoutProgress(attempts) : outages(attempts);
    if (end.counted() && failures >= config.maxAttemptsWithoutProgress()) {
      return new Decision.Finish(
          new Situation.Failed(
              Reason.RetriesExhausted,
              failures + " attempts left no new checkpoint; " + describe(observation, last)));
    }
    return again(observation, last, backOff(failures));
  }

  private Decision again(Observation observation, AttemptStatus last, Duration backOff) {
    Instant ended = JobState.time(last.endTime());
    Instant due = (ended == null ? observation.now() : ended).plus(backOff);
    int next = last.number() + 1;
    if (!observation.now().isBefore(due)) {
      return new Decision.CreateJob(
          next, new Situation.Pending(Reason.Creating, "attempt " + next + " begins"));
    }
    return new Decision.Wait(
        new Situation.Pending(
            Reason.BackOff,
            "attempt "
                + next
                + " begins at "
                + Texts.time(due)
                + "; "
                + describe(observation, last)),
        Duration.between(observation.now(), due));
  }

  /**
   * A trainer that was fenced off leaves the run to the newer one for as long as that one lives.
   */
  private Optional<Decision> waitForTheNewer(Observation observation, AttemptStatus last) {
    Optional<Instant> heartbeat = observation.run().findHead().map(Head::heartbeat);
    if (heartbeat.isEmpty()) {
      return Optional.empty();
    }
    Instant patience = heartbeat.get().plus(config.fencedPatience());
    return observation.now().isBefore(patience)
        ? Optional.of(
            new Decision.Wait(
                new Situation.Pending(
                    Reason.Fenced,
                    "waits for the newer attempt to deliver or fall silent; "
                        + describe(observation, last)),
                Duration.between(observation.now(), patience)))
        : Optional.empty();
  }

  /** Returns the wait after so many failures in a row. */
  Duration backOff(int failures) {
    long doubled = config.initialBackOff().toMillis();
    for (int i = 1; i < failures && doubled < config.maxBackOff().toMillis(); i++) {
      doubled *= 2;
    }
    return Duration.ofMillis(Math.min(doubled, config.maxBackOff().toMillis()));
  }

  /** Returns how many of the last attempts failed since one left a new checkpoint. */
  static int failuresWithoutProgress(List<AttemptStatus> attempts) {
    int failures = 0;
    for (int i = attempts.size() - 1; i >= 0; i--) {
      int before = i == 0 ? 0 : checkpointStep(attempts.get(i - 1));
      if (checkpointStep(attempts.get(i)) > before) {
        break;
      }
      if (AttemptEnd.ofReason(attempts.get(i).reason()).counted()) {
        failures++;
      }
    }
    return failures;
  }

  private static int outages(List<AttemptStatus> attempts) {
    int outages = 0;
    for (AttemptStatus attempt : attempts.reversed()) {
      if (AttemptEnd.ofReason(attempt.reason()).counted()) {
        break;
      }
      outages++;
    }
    return outages;
  }

  private static int checkpointStep(AttemptStatus attempt) {
    return attempt.checkpointStep() == null ? 0 : attempt.checkpointStep();
  }

  /** Returns how a job stands whose adapter is delivered. */
  static Situation delivered(Observation observation) {
    if (observation.delivery().isPresent()) {
      return new Situation.Complete(Reason.Delivered, "the adapter is delivered");
    }
    return new Situation.Complete(
        Reason.Delivered,
        "the trainer says that the adapter is delivered; " + observation.run().message());
  }

  /** Returns how an attempt ended: what it means, the exit code, last words and last loss. */
  private static String describe(Observation observation, AttemptStatus attempt) {
    StringBuilder text = new StringBuilder("attempt ").append(attempt.number()).append(" ended: ");
    text.append(AttemptEnd.ofReason(attempt.reason()).description());
    if (attempt.exitCode() != null) {
      text.append(" (exit ").append(attempt.exitCode()).append(")");
    }
    if (attempt.message() != null) {
      text.append(": ").append(attempt.message());
    }
    Progress progress = observation.run().progress();
    if (progress != null && progress.loss() != null) {
      text.append("; last loss ")
          .append(Texts.loss(progress.loss()))
          .append(" at step ")
          .append(progress.step());
    }
    return text.toString();
  }
}
