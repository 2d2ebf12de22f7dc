package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.ConditionalWriteProbe;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.StoredObject;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
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
  private final int attempt;
  private volatile boolean progressOutage;

  private Run(RunFolder folder, OwnedHead head) {
    this.folder = folder;
    this.head = head;
    this.attempt = head.attempt();
    this.metrics = new MetricsWriter(folder, attempt);
  }

  /**
   * Claims a run as its next attempt, after a probe that the store does conditional writes.
   *
   * @throws InvalidConfiguration if another owner lives, the store is unfit, or the credentials are
   *     wrong
   * @throws StorageUnreachable if the storage cannot be used until the deadline
   */
  public static Claim claim(RunFolder folder, ClaimRequest request) {
    HeadFile headFile = new HeadFile(folder);
    Optional<HeadVersion> seen = headFile.read();
    boolean probed = false;
    while (true) {
      RunSettings settings = folder.settings();
      Instant now = settings.clock().instant();
      switch (ClaimRule.judge(
          seen.map(HeadVersion::head), request, now, settings.freshHeartbeat())) {
        case ClaimRule.Verdict.Complete(Delivery delivery) -> {
          return new Claim.Delivered(delivery, folder.location(delivery.folder()));
        }
        case ClaimRule.Verdict.Refuse refuse -> throw refused(folder, refuse);
        case ClaimRule.Verdict.Take(int attempt) -> {
          if (!probed) {
            ConditionalWriteProbe.check(folder.store(), folder.folder(), settings.retry());
            probed = true;
          }
          Head next = claimed(seen, request.owner(), attempt, now);
          switch (headFile.swap(seen.orElse(null), next)) {
            case HeadFile.Swap.Done(HeadVersion version) -> {
              return new Claim.Claimed(new Run(folder, new OwnedHead(folder, headFile, version)));
            }
            case HeadFile.Swap.Lost(Optional<HeadVersion> winner) -> seen = winner;
          }
        }
      }
    }
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
   */
  public RunRecord freeze(RunRecord proposed) {
    head.check();
    return new RunRecordFile(folder).freeze(proposed.by(attempt));
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
   * Downloads the newest checkpoint that verifies against its manifest. One that does not is named
   * in a notice and passed over; it stays listed until a newer course replaces it.
   *
   * @param work local folder for the checkpoint; made if absent
   * @return empty if the run begins with step 1
   */
  public Optional<Checkpoint> resume(Path work) {
    return new CheckpointReader(folder).newestVerified(head().checkpoints(), work);
  }

  /**
   * Commits a checkpoint: uploads its files, then its manifest, then lists it in the head, which
   * takes those off that retention drops. A step that this attempt has committed already is left as
   * it is.
   *
   * @param step optimizer steps completed, from 1
   * @param files local files by name
   * @param evalLoss held-out loss at this step, if measured
   */
  public CheckpointEntry commit(int step, Map<String, Path> files, @Nullable Double evalLoss) {
    if (step < 1) {
      throw new IllegalArgumentException("step: must be at least 1, was " + step);
    }
    head.check();
    if (head().delivered() != null) {
      throw new IllegalStateException("the run is delivered");
    }
    String name = StorageLayout.checkpointFolder(attempt, step);
    Optional<CheckpointEntry> listed = listed(name);
    if (listed.isPresent()) {
      return listed.get();
    }
    metrics.flush();
    FolderUpload upload = FolderUpload.of(folder, name, files);
    CheckpointEntry entry =
        new CheckpointEntry(
            step, attempt, name, upload.manifestSha256(), upload.bytes(), now(), evalLoss);
    List<CheckpointEntry> dropped = list(entry);
    dropped.forEach(this::deleteFiles);
    return entry;
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
            now());
    head.update(before -> withDelivery(before, delivery));
    return delivery;
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

  private List<CheckpointEntry> list(CheckpointEntry entry) {
    List<CheckpointEntry> dropped = new ArrayList<>();
    head.update(
        before -> {
          Retention retention = Retention.add(before, entry, folder.settings().keepLast());
          dropped.clear();
          dropped.addAll(retention.dropped());
          return retention.head();
        });
    return dropped;
  }

  private Optional<CheckpointEntry> listed(String name) {
    return head().checkpoints().stream().filter(e -> e.folder().equals(name)).findFirst();
  }

  private void deleteFiles(CheckpointEntry entry) {
    ObjectStore store = folder.hasty();
    try {
      // The manifest goes first, so that what is left for a moment does not look whole.
      store.delete(folder.key(entry.folder() + StorageLayout.MANIFEST));
      for (StoredObject object : store.list(folder.key(entry.folder()))) {
        store.delete(object.key());
      }
    } catch (StorageUnreachable | InvalidConfiguration e) {
      folder.settings().notices().accept("files of a dropped checkpoint stay: " + e.getMessage());
    }
  }

  private Instant now() {
    return folder.settings().clock().instant();
  }

  private static Head claimed(Optional<HeadVersion> seen, String owner, int attempt, Instant now) {
    String writeId = UUID.randomUUID().toString();
    if (seen.isEmpty()) {
      return new Head(attempt, owner, now, writeId, List.of(), null, null, null);
    }
    Head head = seen.get().head();
    List<CheckpointEntry> checkpoints = new ArrayList<>(head.checkpoints());
    checkpoints.sort(Comparator.comparingInt(CheckpointEntry::step));
    return new Head(
        attempt, owner, now, writeId, checkpoints, head.latest(), head.best(), head.delivered());
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

  private static InvalidConfiguration refused(RunFolder folder, ClaimRule.Verdict.Refuse refuse) {
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
