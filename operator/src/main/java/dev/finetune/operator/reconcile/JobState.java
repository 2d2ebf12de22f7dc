package dev.finetune.operator.reconcile;

import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobCondition;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the Job controller says of a Job. */
record JobState(boolean succeeded, boolean failed, @Nullable Instant ended, String message) {
  private static final Pattern EXIT_CODE = Pattern.compile("failed with exit code (\\d{1,3})\\b");

  static JobState of(Job job) {
    Optional<JobCondition> complete = condition(job, "Complete");
    Optional<JobCondition> failed = condition(job, "Failed");
    JobCondition end = complete.or(() -> failed).orElse(null);
    return new JobState(
        complete.isPresent(),
        failed.isPresent(),
        end == null ? null : time(end.getLastTransitionTime()),
        end == null || end.getMessage() == null ? "" : end.getMessage());
  }

  boolean finished() {
    return succeeded || failed;
  }

  /** Returns the exit status that the pod failure policy names, for a pod that is gone. */
  @Nullable Integer exitStatus() {
    Matcher matcher = EXIT_CODE.matcher(message);
    return matcher.find() ? Integer.valueOf(matcher.group(1)) : null;
  }

  static boolean isSuspended(Job job) {
    return Boolean.TRUE.equals(job.getSpec().getSuspend());
  }

  /** Returns a time of Kubernetes, or null if it is absent or not one. */
  static @Nullable Instant time(@Nullable String time) {
    if (time == null) {
      return null;
    }
    try {
      return Instant.parse(time);
    } catch (DateTimeParseException _) {
      // A stand-in for a controller may write anything; the observation's time then counts.
      return null;
    }
  }

  private static Optional<JobCondition> condition(Job job, String type) {
    if (job.getStatus() == null) {
      return Optional.empty();
    }
    return job.getStatus().getConditions().stream()
        .filter(c -> type.equals(c.getType()) && "True".equals(c.getStatus()))
        .findFirst();
  }
}
