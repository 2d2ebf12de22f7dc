package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;

/** What is done about rows with a problem; nothing is ever dropped or cut unless it says so. */
public record OnProblem(
    @JsonPropertyDescription(
            "A row that is longer than training.maxLength: fail, drop or truncate. Default fail.")
        @Default("fail")
        TooLongAction tooLong,
    @JsonPropertyDescription("A row without a token to learn: fail or drop. Default fail.")
        @Default("fail")
        RowAction unsupervised,
    @JsonPropertyDescription("A row that cannot be read: fail or drop. Default fail.")
        @Default("fail")
        RowAction broken,
    @JsonPropertyDescription(
            "A row whose tokens and labels are those of an earlier row: fail, drop or keep. Default keep.")
        @Default("keep")
        DuplicateAction duplicate,
    @JsonPropertyDescription(
            "A held-out row that is trained on too: fail, drop (from the training rows) or keep. Default fail.")
        @Default("fail")
        DuplicateAction leaked) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public OnProblem {
    tooLong = tooLong == null ? TooLongAction.FAIL : tooLong;
    unsupervised = unsupervised == null ? RowAction.FAIL : unsupervised;
    broken = broken == null ? RowAction.FAIL : broken;
    duplicate = duplicate == null ? DuplicateAction.KEEP : duplicate;
    leaked = leaked == null ? DuplicateAction.FAIL : leaked;
  }

  /** Returns what a job that says nothing of it gets. */
  @SuppressWarnings("NullAway") // The compact constructor turns absent fields into defaults.
  public static OnProblem defaults() {
    return new OnProblem(null, null, null, null, null);
  }
}
