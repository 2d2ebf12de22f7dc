package dev.finetune.operator.reconcile;

import dev.finetune.operator.dependent.KueueWorkload;
import dev.finetune.operator.status.Situation;
import java.time.Duration;
import java.util.Optional;

/** What is to be done about a job, and how the job stands. */
sealed interface Decision {
  /** Make the Job with this number. */
  record CreateJob(int number, Situation situation) implements Decision {}

  /** Stop the Job with this number; its trainer saves its state. */
  record SuspendJob(int number, Situation situation) implements Decision {}

  /** Let the Job with this number go on. */
  record ResumeJob(int number, Situation situation) implements Decision {}

  /** Have Kueue stop the Job in its queue, or let it run. */
  record SetWorkloadActive(KueueWorkload workload, boolean active, Situation situation)
      implements Decision {}

  /** Look again later. */
  record Wait(Situation situation, Duration recheck) implements Decision {}

  /** Write the terminal state. */
  record Finish(Situation situation) implements Decision {}

  /** Remove Jobs, pods and ConfigMaps of an ended job. */
  record RemoveObjects() implements Decision {}

  /** Nothing is left to do, or not before a time has passed. */
  record Rest(Optional<Duration> recheck) implements Decision {}
}
