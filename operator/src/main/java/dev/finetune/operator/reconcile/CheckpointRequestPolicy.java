package dev.finetune.operator.reconcile;

import dev.finetune.api.run.Head;
import dev.finetune.api.status.ProgressStatus;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.status.Situation;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Whether the trainer is to be asked for a checkpoint: the annotation {@code
 * finetune.dev/checkpoint-now} has a value that it has not answered, and it runs.
 */
final class CheckpointRequestPolicy {
  /** Any printable ASCII text of up to 63 characters; each new one asks once. */
  static final String ANNOTATION = "finetune.dev/checkpoint-now";

  private static final int MAXIMUM = 63;

  /** What a trainer takes for an id: nothing that could look like another in a log. */
  private static final Pattern ID = Pattern.compile("[\\x20-\\x7e]{1," + MAXIMUM + "}");

  private CheckpointRequestPolicy() {}

  /** What is to be done. */
  sealed interface Verdict {
    /** Nothing is asked for, or it is answered, or nobody is there to answer. */
    record Nothing() implements Verdict {}

    /** Ask for a checkpoint with this id. */
    record Ask(String id) implements Verdict {}

    /** The value is none. */
    record Invalid(String message) implements Verdict {}
  }

  static Verdict decide(Observation observation, Situation situation) {
    Map<String, String> annotations = observation.job().getMetadata().getAnnotations();
    String value = annotations == null ? null : annotations.get(ANNOTATION);
    if (value == null) {
      return new Verdict.Nothing();
    }
    String id = value.strip();
    if (!ID.matcher(id).matches()) {
      return new Verdict.Invalid(
          "metadata.annotations[%s]: must be 1 to %d characters of printable ASCII, was %d characters"
              .formatted(ANNOTATION, MAXIMUM, value.length()));
    }
    boolean runs = situation instanceof Situation.Running && isOurs(observation);
    return runs && !isAnswered(observation, id) ? new Verdict.Ask(id) : new Verdict.Nothing();
  }

  /** A run that another owner holds, or that has not begun, is not asked. */
  private static boolean isOurs(Observation observation) {
    Optional<Head> head = observation.run().findHead();
    return observation.run().access() == RunReading.Access.READ
        && head.isPresent()
        && head.get().delivered() == null
        && head.get().owner().equals(observation.job().getMetadata().getUid());
  }

  private static boolean isAnswered(Observation observation, String id) {
    ProgressStatus known =
        observation.job().getStatus() == null ? null : observation.job().getStatus().progress();
    return (known != null && id.equals(known.checkpointRequest()))
        || (observation.run().progress() != null
            && id.equals(observation.run().progress().checkpointRequest()));
  }
}
