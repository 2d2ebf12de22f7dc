package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.source.SourceIdentity;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A run that this process owns as its newest attempt:
 *
 * <pre>{@code
 * switch (Run.claim(folder, request)) {
 *   case Claim.Delivered(Delivery delivery, String adapter) -> say where it is
 *   case Claim.Claimed(Run run) -> {
 *     RunRecord record = run.freeze(proposed);
 *     Optional<Checkpoint> from = run.resume(work);
 *     ... run.heartbeat(), run.appendMetrics(..), run.writeProgress(..), run.commit(..) ...
 *     run.deliver(files, result);
 *   }
 * }
 * }</pre>
 *
 * <p>Every method that writes may throw {@link Fenced} once a newer attempt has claimed the run;
 * from then on nothing is written any more. Every method but {@link #heartbeat}, {@link
 * #writeProgress} and {@link #appendMetrics} throws {@link StorageUnreachable} at the deadline.
 *
 * <p>Methods may be called by several threads.
 */
public final class Run {
  private final RunFolder folder;
  private final OwnedHead head;
  private final MetricsWriter metrics;
  private final Leftovers leftovers;
  private final CheckpointWriter checkpoints;
  private final int attempt;
  private volatile boolean progressOutage;

  private Run(RunFolder folder, OwnedHead head) {
    this.folder = folder;
    this.head = head;
    this.attempt = head.attempt();
    this.metrics = new MetricsWriter(folder, attempt);
    this.leftovers = new Leftovers(folder);
    this.checkpoints = new CheckpointWriter(folder, head, leftovers);
  }

  /**
   * Claims a run as its next attempt, after a probe that the store does conditional writes.
   *
   * @throws InvalidConfiguration if another owner lives, the store is unfit, or the credentials are
   *     wrong
   * @throws UnreadableData if the head is broken, or gone
   * @throws Fenced if the answer to the claim was lost and a newer attempt has come since
   * @throws StorageUnreachable if the storage cannot be used until the deadline
   */
  public static Claim claim(RunFolder folder, ClaimRequest request) {
    return switch (new Claiming(folder, request).claim()) {
      case Claiming.Outcome.Ours(OwnedHead head) -> new Claim.Claimed(new Run(folder, head));
      case Claiming.Outcome.Complete(Delivery delivery) ->
          new Claim.Delivered(delivery, folder.location(delivery.folder()));
    };
  }

  /** Returns whether a newer attempt is known to have claimed the run; makes no request. */
  public boolean isFenced() {
    return head.isFenced();
  }

  /**
   * Does nothing while the run is ours as far as is known; makes no request.
   *
   * @throws Fenced once a newer attempt is known
   */
  public void check() {
    head.check();
  }

  /** Returns the number of this attempt, from 1. */
  public int attempt() {
    return attempt;
  }

  /** Returns the URI of the run's folder. */
  public String location() {
    return folder.location("");
  }

  /** Returns the URI of an object or folder of the run, for people. */
  public String location(String name) {
    return folder.location(name);
  }

  /** Returns the head as it was last read or written by this attempt. */
  public Head head() {
    return head.head();
  }

  /**
   * Freezes what this attempt resolved, or returns what the first attempt did.
   *
   * @param proposed what this attempt resolved; its {@code createdByAttempt} is ignored
   * @return what counts: precision, threads and token budget are to be obeyed
   * @throws InvalidConfiguration if a source has other bytes than the first attempt saw
   * @throws UnreadableData if {@code run.json} is broken, or gone though checkpoints are listed
   */
  public RunRecord freeze(RunRecord proposed) {
    head.check();
    return new RunRecordFile(folder).freeze(proposed.by(attempt), !head().checkpoints().isEmpty());
  }

  /**
   * Writes {@code attempt.json}: how this attempt computes. Called once, before its first step.
   *
   * @param from the checkpoint that it goes on from, or null
   * @return what was written
   */
  public AttemptRecord describe(Computation computation, @Nullable CheckpointEntry from) {
    head.check();
    AttemptRecord record = new AttemptFile(folder).describe(attempt, computation, from);
    folder.patient().put(folder.key(StorageLayout.attempt(attempt)), RunJson.write(record));
    return record;
  }

  /** Returns the requests for a checkpoint that others leave in the run's folder. */
  public CheckpointRequests checkpointRequests() {
    return new CheckpointRequests(folder, attempt);
  }

  /**
   * Returns which bytes the first attempt read, by field; nothing if this is the first.
   *
   * @throws UnreadableData if {@code run.json} is broken
   */
  public Map<String, SourceIdentity> frozenSources() {
    return new RunRecordFile(folder).read().map(RunRecord::sources).orElse(new TreeMap<>());
  }

  /**
   * Downloads the newest checkpoint that verifies against its manifest. One that does not is named
   * in a notice and passed over; it stays listed until a newer course replaces it. If it is gone
   * because a newer attempt has gone on, this one is fenced off.
   *
   * @param work local folder for the checkpoint; made if absent
   * @return empty if the run begins with step 1
   * @throws UnreadableData if a checkpoint has the format of a later version
   */
  public Optional<Checkpoint> resume(Path work) {
    return new CheckpointReader(folder)
        .newestVerified(head().checkpoints(), () -> head.reread().checkpoints(), work);
  }

  /**
   * Commits a checkpoint: uploads its files, then its manifest, then lists it in the head, which
   * takes those off that retention drops. A step that this attempt has committed already is left as
   * it is. What retention dropped, and what older attempts left behind uncommitted, is removed
   * after that, a part at a time.
   *
   * @param step optimizer steps completed, from 1; never less than in a former call
   * @param files local files by name
   * @param evalLoss held-out loss at this step, if measured
   */
  public CheckpointEntry commit(int step, Map<String, Path> files, @Nullable Double evalLoss) {
    return commit(step, files, evalLoss, null);
  }

  /**
   * Commits a checkpoint as the other method does.
   *
   * @param score by what retention compares it, less is better, where that is not the loss
   */
  public CheckpointEntry commit(
      int step, Map<String, Path> files, @Nullable Double evalLoss, @Nullable Double score) {
    head.check();
    if (head().delivered() != null) {
      throw new IllegalStateException("the run is delivered");
    }
    return checkpoints.commit(
        step, new CheckpointWriter.Content(files, evalLoss, score), metrics::flush);
  }

  /**
   * Says that this owner lives, if the last word is older than a quarter of the time that counts as
   * fresh. Cheap enough to be called at every step. If the storage cannot be reached, training goes
   * on.
   *
   * @throws Fenced if a newer attempt has claimed the run
   */
  public void heartbeat() {
    head.heartbeat();
  }

  /**
   * Lets go of the run before the process ends, so that another owner need not wait until the
   * heartbeat is stale. If that fails, they wait.
   */
  public void release() {
    head.release();
  }

  /**
   * Delivers the adapter: uploads its files, then its manifest, then says so in the head. The run
   * is complete then, for ever.
   */
  public Delivery deliver(Map<String, Path> files, RunResult result) {
    head.check();
    metrics.flush();
    String name = StorageLayout.adapterFolder(attempt);
    FolderUpload upload = FolderUpload.of(folder, name, files);
    Delivery delivery =
        new Delivery(
            attempt,
            name,
            upload.manifestSha256(),
            result.steps(),
            result.loss(),
            result.evalLossBefore(),
            result.evalLossAfter(),
            now(),
            result.adapterStep() == result.steps() ? null : result.adapterStep(),
            withoutWords(result.before()),
            withoutWords(result.after()));
    Head written = head.update(before -> withDelivery(before, delivery));
    leftovers.remove(written, List.of());
    return delivery;
  }

  /** Answers stay in progress and report: every reader of the head would have to read them. */
  private static @Nullable EvaluationPoint withoutWords(@Nullable EvaluationPoint point) {
    return point == null ? null : point.withoutSamples().withTrend(null);
  }

  /**
   * Overwrites {@code progress.json} of this attempt, if the storage can be reached.
   *
   * @return whether it is written
   */
  public boolean writeProgress(Progress progress) {
    if (head.isFenced()) {
      return false;
    }
    try {
      folder.hasty().put(folder.key(StorageLayout.progress(attempt)), RunJson.write(progress));
      progressOutage = false;
      return true;
    } catch (StorageUnreachable | InvalidConfiguration e) {
      if (!progressOutage) {
        progressOutage = true;
        folder
            .settings()
            .notices()
            .accept("progress cannot be written now, training goes on: " + e.getMessage());
      }
      return false;
    }
  }

  /**
   * Adds metrics, one JSON line a step. If the storage cannot be reached they wait in memory and
   * are written by a later call, at the latest before the next checkpoint is committed.
   *
   * @param lines lines without line ends
   * @param lastStep optimizer step of the last line; ascends from call to call
   */
  public void appendMetrics(List<String> lines, int lastStep) {
    head.check();
    metrics.append(lines, lastStep);
  }

  /**
   * Returns metrics that former attempts wrote, one JSON line a step as they wrote it, which anyone
   * with access to the bucket may have changed.
   *
   * @param lastStep lines that are surely of later steps are left out
   * @return the lines in such an order that of a step that ran twice the one that counts is last
   */
  public List<String> earlierMetrics(int lastStep) {
    head.check();
    return new EarlierMetrics(folder).read(attempt, lastStep);
  }

  private Instant now() {
    return folder.settings().clock().instant();
  }

  private static Head withDelivery(Head head, Delivery delivery) {
    return new Head(
        head.attempt(),
        head.owner(),
        head.heartbeat(),
        head.writeId(),
        head.checkpoints(),
        head.latest(),
        head.best(),
        delivery);
  }
}
