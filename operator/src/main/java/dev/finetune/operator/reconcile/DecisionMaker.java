package dev.finetune.operator.reconcile;

import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.status.Conditions;
import dev.finetune.operator.status.Situation;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Decides what is to be done about a job. It asks and changes nothing outside its arguments. */
final class DecisionMaker {
  private static final Duration SOON = Duration.ofSeconds(1);

  private final OperatorConfig.Polling polling;
  private final RetryPolicy retry;

  DecisionMaker(OperatorConfig config) {
    this.polling = config.polling();
    this.retry = new RetryPolicy(config.retry());
  }

  /** Returns the decision; the attempts are those of {@link AttemptLedger}. */
  Decision decide(Observation observation, List<AttemptStatus> attempts) {
    if (Conditions.isTerminal(observation.job())) {
      return RetentionPolicy.decide(observation);
    }
    if (attempts.isEmpty()) {
      return begin(observation);
    }
    AttemptStatus last = attempts.getLast();
    if (last.endTime() != null) {
      return heldBack(observation, lookingOften(retry.afterEnd(observation, attempts)));
    }
    return observation
        .job(last.number())
        .map(job -> accompany(observation, job, last.number()))
        .orElseThrow(() -> new IllegalStateException("an attempt without a Job has ended"));
  }

  private Decision begin(Observation observation) {
    if (!observation.violations().isEmpty()) {
      return new Decision.Finish(
          new Situation.Failed(Reason.SpecInvalid, String.join("; ", observation.violations())));
    }
    if (observation.delivery().isPresent()) {
      return new Decision.Finish(RetryPolicy.delivered(observation));
    }
    return heldBack(
        observation,
        new Decision.CreateJob(1, new Situation.Pending(Reason.Creating, "the first Job is made")));
  }

  /** Shortens a wait: meanwhile another may deliver the run. */
  private Decision lookingOften(Decision decision) {
    return decision instanceof Decision.Wait(Situation situation, Duration recheck)
            && recheck.compareTo(polling.idleInterval()) > 0
        ? new Decision.Wait(situation, polling.idleInterval())
        : decision;
  }

  /**
   * Replaces a decision that leads to a new Job while the user asks for suspension, or while the
   * run is broken: a trainer could only fail on what a person may repair.
   */
  private Decision heldBack(Observation observation, Decision decision) {
    boolean broken = observation.run().access() == RunReading.Access.BROKEN;
    if (broken && decision instanceof Decision.CreateJob) {
      return new Decision.Wait(
          new Situation.Pending(
              Reason.RunBroken,
              "no attempt begins before the run is repaired: " + observation.run().message()),
          polling.idleInterval());
    }
    if (!observation.job().getSpec().suspend()) {
      return decision;
    }
    return switch (decision) {
      case Decision.CreateJob _, Decision.Wait _ ->
          new Decision.Wait(SuspensionPolicy.stopped(), polling.idleInterval());
      case Decision.SuspendJob _,
          Decision.ResumeJob _,
          Decision.SetWorkloadActive _,
          Decision.Finish _,
          Decision.RemoveObjects _,
          Decision.Rest _ ->
          decision;
    };
  }

  /** Decides about a Job that has not ended, or whose end is not told yet. */
  private Decision accompany(Observation observation, Job job, int number) {
    JobState state = JobState.of(job);
    if (state.finished()) {
      return new Decision.Wait(awaited(observation, state), SOON);
    }
    Optional<Decision> suspension =
        SuspensionPolicy.decide(observation, job, polling.idleInterval());
    if (suspension.isPresent()) {
      return suspension.get();
    }
    Situation situation = PodSituation.of(observation, number);
    return new Decision.Wait(
        situation,
        situation instanceof Situation.Running ? polling.interval() : polling.idleInterval());
  }

  private static Situation awaited(Observation observation, JobState state) {
    boolean broken = observation.run().access() == RunReading.Access.BROKEN;
    return state.succeeded()
        ? new Situation.Running(
            broken ? Reason.RunBroken : Reason.StorageUnreachable,
            "the trainer is done; its delivery cannot be read yet: " + observation.run().message())
        : new Situation.Running(Reason.Training, "the trainer ended; its last words are awaited");
  }
}
