package dev.finetune.operator.reconcile;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.status.Reason;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** How an attempt ended. Its reason in the status is all that is kept of it. */
enum AttemptEnd {
  /** The trainer delivered the adapter. */
  DELIVERED(Reason.Delivered, "the adapter is delivered"),
  /** The trainer refused configuration, data or model. */
  INVALID_INPUT(Reason.InvalidInput, "configuration, data or model is wrong"),
  /** A loss or gradient was not finite. */
  DIVERGED(Reason.Diverged, "a loss or gradient was not finite"),
  /** The plan does not fit in memory. */
  PLAN_DOES_NOT_FIT(Reason.PlanDoesNotFit, "the plan does not fit in memory"),
  /** The trainer or its container ran out of memory. */
  OUT_OF_MEMORY(Reason.OutOfMemory, "the trainer ran out of memory"),
  /** The trainer saved its state and yielded, and its Job did not go on. */
  YIELDED(Reason.Yielded, "the trainer was stopped and saved its state"),
  /** A newer attempt took the run. */
  FENCED(Reason.Fenced, "a newer attempt owns the run"),
  /** The trainer could not reach the storage until its deadline. */
  STORAGE_UNREACHABLE(Reason.StorageUnreachable, "the trainer could not reach the storage"),
  /** Any other end. */
  CRASHED(Reason.Crashed, "the trainer crashed"),
  /** Someone deleted the Job while it ran. */
  DELETED(Reason.Deleted, "the Job was deleted while it ran");

  private final Reason reason;
  private final String description;

  AttemptEnd(Reason reason, String description) {
    this.reason = reason;
    this.description = description;
  }

  Reason reason() {
    return reason;
  }

  String description() {
    return description;
  }

  /** Returns how a failed trainer ended, by the status of its process. */
  static AttemptEnd ofFailure(@Nullable Integer exitStatus, boolean outOfMemory) {
    if (outOfMemory) {
      return OUT_OF_MEMORY;
    }
    Optional<ExitCode> code = exitStatus == null ? Optional.empty() : ExitCode.of(exitStatus);
    return code.map(AttemptEnd::of).orElse(CRASHED);
  }

  private static AttemptEnd of(ExitCode code) {
    return switch (code) {
      // A failed pod whose trainer was done failed by something else.
      case DONE -> CRASHED;
      case INVALID -> INVALID_INPUT;
      case DIVERGED -> DIVERGED;
      case PLAN_DOES_NOT_FIT -> PLAN_DOES_NOT_FIT;
      case OUT_OF_MEMORY -> OUT_OF_MEMORY;
      case YIELDED -> YIELDED;
      case FENCED -> FENCED;
      case STORAGE_UNREACHABLE -> STORAGE_UNREACHABLE;
    };
  }

  /** Returns the end that a status names; what it does not know counts as a crash. */
  static AttemptEnd ofReason(@Nullable String reason) {
    for (AttemptEnd end : values()) {
      if (end.reason.name().equals(reason)) {
        return end;
      }
    }
    return CRASHED;
  }

  /** Returns whether another attempt can end differently. */
  boolean retried() {
    return switch (this) {
      case DELIVERED, INVALID_INPUT, DIVERGED, PLAN_DOES_NOT_FIT -> false;
      case OUT_OF_MEMORY, YIELDED, FENCED, STORAGE_UNREACHABLE, CRASHED, DELETED -> true;
    };
  }

  /** Returns whether the end counts towards the bound on attempts without progress. */
  boolean counted() {
    return this != STORAGE_UNREACHABLE;
  }
}
