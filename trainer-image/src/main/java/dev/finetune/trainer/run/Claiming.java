package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ConditionalWriteProbe;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** How a process becomes the newest attempt of a run: one compare-and-set of the head. */
final class Claiming {
  private final RunFolder folder;
  private final ClaimRequest request;
  private final HeadFile headFile;
  private boolean probed;

  /** What came of a claim. */
  sealed interface Outcome {
    /** The head is ours. */
    record Ours(OwnedHead head) implements Outcome {}

    /** The run is complete. */
    record Complete(Delivery delivery) implements Outcome {}
  }

  Claiming(RunFolder folder, ClaimRequest request) {
    this.folder = folder;
    this.request = request;
    this.headFile = new HeadFile(folder);
  }

  /** Claims the run, trying until another attempt does not come first. */
  Outcome claim() {
    Optional<HeadVersion> seen = headFile.read();
    while (true) {
      RunSettings settings = folder.settings();
      Instant now = settings.clock().instant();
      switch (ClaimRule.judge(
          seen.map(HeadVersion::head), request, now, settings.freshHeartbeat())) {
        case ClaimRule.Verdict.Complete(Delivery delivery) -> {
          return new Outcome.Complete(delivery);
        }
        case ClaimRule.Verdict.Refuse refuse -> throw refused(refuse);
        case ClaimRule.Verdict.Take(int attempt) -> {
          switch (take(seen, attempt, now)) {
            case HeadFile.Swap.Done(HeadVersion version) -> {
              return new Outcome.Ours(new OwnedHead(folder, headFile, version));
            }
            case HeadFile.Swap.Lost(Optional<HeadVersion> winner, boolean _) -> seen = winner;
          }
        }
      }
    }
  }

  private HeadFile.Swap take(Optional<HeadVersion> seen, int attempt, Instant now) {
    if (!probed) {
      ConditionalWriteProbe.check(folder.store(), folder.folder(), folder.settings().retry());
      probed = true;
    }
    RunObjects objects = RunObjects.list(folder);
    if (seen.isEmpty() && objects.wasClaimed()) {
      // The list is newer than the head that was read: an attempt may just have begun.
      Optional<HeadVersion> again = headFile.read();
      if (again.isPresent()) {
        return new HeadFile.Swap.Lost(again, false);
      }
      throw new UnreadableData(
          folder.location(StorageLayout.HEAD)
              + ": is missing, though attempts have written to this run; bring it back, or set"
              + " spec.runId to begin a new run");
    }
    int number = Math.max(attempt, Math.addExact(objects.newestAttempt(), 1));
    @Nullable HeadVersion from = seen.orElse(null);
    HeadFile.Swap swap = headFile.swap(from, claimed(from, number, now));
    if (swap instanceof HeadFile.Swap.Lost(Optional<HeadVersion> winner, boolean unsure)
        && unsure
        && winner.isPresent()) {
      giveWay(number, winner.get().head());
    }
    if (number > attempt && swap instanceof HeadFile.Swap.Done) {
      folder
          .settings()
          .notices()
          .accept(
              "%s: is older than what attempt %d has written, as if a former one was put back; the"
                      .formatted(folder.location(StorageLayout.HEAD), number - 1)
                  + " run goes on as attempt "
                  + number);
    }
    return swap;
  }

  /**
   * A write without an answer may have made this process the attempt, and an attempt after it may
   * have fenced it off since. To claim again would fence off the newer one. If the newest attempt
   * has the very number, it is another's, and ours was never written.
   */
  private void giveWay(int number, Head winner) {
    if (winner.attempt() > number && winner.delivered() == null) {
      throw new Fenced(
          "attempt %d no longer owns %s: attempt %d of owner %s claimed it"
              .formatted(number, folder.location(""), winner.attempt(), winner.owner()));
    }
  }

  private Head claimed(@Nullable HeadVersion from, int attempt, Instant now) {
    String writeId = UUID.randomUUID().toString();
    if (from == null) {
      return new Head(attempt, request.owner(), now, writeId, List.of(), null, null, null);
    }
    Head head = from.head();
    List<CheckpointEntry> checkpoints = new ArrayList<>(head.checkpoints());
    checkpoints.sort(Comparator.comparingInt(CheckpointEntry::step));
    return new Head(
        attempt,
        request.owner(),
        now,
        writeId,
        checkpoints,
        head.latest(),
        head.best(),
        head.delivered());
  }

  private InvalidConfiguration refused(ClaimRule.Verdict.Refuse refuse) {
    return new InvalidConfiguration(
        folder.location("")
            + ": owner "
            + refuse.owner()
            + " is at work on this run and gave a sign of life "
            + Math.max(0, refuse.age().toSeconds())
            + " s ago; stop it, wait until it is silent for "
            + folder.settings().freshHeartbeat().toSeconds()
            + " s, take the run over explicitly, or set spec.runId to begin a new run");
  }
}
