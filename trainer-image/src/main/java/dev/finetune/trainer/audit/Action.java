package dev.finetune.trainer.audit;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.finetune.api.spec.DuplicateAction;
import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.RowAction;
import dev.finetune.api.spec.TooLongAction;

/** What is done about a row with a problem. */
public enum Action {
  /** The run ends before it trains. */
  @JsonProperty("fail")
  FAIL,
  /** The row is left out. */
  @JsonProperty("drop")
  DROP,
  /** The row loses its end. */
  @JsonProperty("truncate")
  TRUNCATE,
  /** The row is used as it is. */
  @JsonProperty("keep")
  KEEP;

  /** Returns what a policy says of a problem. */
  static Action of(OnProblem policy, Problem problem) {
    return switch (problem) {
      case TOO_LONG -> of(policy.tooLong());
      case UNSUPERVISED -> of(policy.unsupervised());
      case BROKEN -> of(policy.broken());
      case DUPLICATE -> of(policy.duplicate());
      case LEAKED -> of(policy.leaked());
    };
  }

  private static Action of(TooLongAction action) {
    return switch (action) {
      case FAIL -> FAIL;
      case DROP -> DROP;
      case TRUNCATE -> TRUNCATE;
    };
  }

  private static Action of(RowAction action) {
    return switch (action) {
      case FAIL -> FAIL;
      case DROP -> DROP;
    };
  }

  private static Action of(DuplicateAction action) {
    return switch (action) {
      case FAIL -> FAIL;
      case DROP -> DROP;
      case KEEP -> KEEP;
    };
  }
}
