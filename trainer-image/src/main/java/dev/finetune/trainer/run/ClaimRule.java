package dev.finetune.trainer.run;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * Who may take a run. The same owner may at once: its former attempt is gone, or will be fenced
 * off. Another owner must not while the heartbeat is fresh, so that a laptop and a cluster do not
 * fence each other for ever.
 */
final class ClaimRule {
  private ClaimRule() {}

  /** What the rule says. */
  sealed interface Verdict {
    /** Take it, as this attempt. */
    record Take(int attempt) implements Verdict {}

    /** It is complete. */
    record Complete(Delivery delivery) implements Verdict {}

    /** Another owner lives. */
    record Refuse(String owner, Duration age) implements Verdict {}
  }

  static Verdict judge(
      Optional<Head> head, ClaimRequest request, Instant now, Duration freshHeartbeat) {
    if (head.isEmpty()) {
      return new Verdict.Take(1);
    }
    Head current = head.get();
    Delivery delivered = current.delivered();
    if (delivered != null) {
      return new Verdict.Complete(delivered);
    }
    Duration age = Duration.between(current.heartbeat(), now);
    boolean fresh = age.compareTo(freshHeartbeat) < 0;
    if (fresh && !current.owner().equals(request.owner()) && !request.takeOver()) {
      return new Verdict.Refuse(current.owner(), age);
    }
    return new Verdict.Take(Math.addExact(current.attempt(), 1));
  }
}
