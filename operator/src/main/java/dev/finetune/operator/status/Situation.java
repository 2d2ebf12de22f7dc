package dev.finetune.operator.status;

import dev.finetune.api.status.Phase;
import dev.finetune.api.status.Reason;

/** Where a job stands, in the words of its status. */
public sealed interface Situation {
  /** Returns the reason for programs. */
  Reason reason();

  /** Returns one sentence for people: why it waits, or why it failed. */
  String message();

  /** Returns the phase for people. */
  default Phase phase() {
    return switch (this) {
      case Pending _ -> Phase.Pending;
      case Running _ -> Phase.Running;
      case Suspended _ -> Phase.Suspended;
      case Complete _ -> Phase.Complete;
      case Failed _ -> Phase.Failed;
    };
  }

  /** Returns whether the job has ended for good. */
  default boolean terminal() {
    return switch (this) {
      case Pending _, Running _, Suspended _ -> false;
      case Complete _, Failed _ -> true;
    };
  }

  /** Nothing runs: made, queued, pulled or backing off. */
  record Pending(Reason reason, String message) implements Situation {}

  /** A trainer runs. */
  record Running(Reason reason, String message) implements Situation {}

  /** Stopped on request. */
  record Suspended(Reason reason, String message) implements Situation {}

  /** The adapter is delivered. */
  record Complete(Reason reason, String message) implements Situation {}

  /** Failed for good. */
  record Failed(Reason reason, String message) implements Situation {}
}
