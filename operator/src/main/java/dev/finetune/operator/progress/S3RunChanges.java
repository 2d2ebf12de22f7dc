package dev.finetune.operator.progress;

import dev.finetune.api.run.CheckpointRequest;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.progress.FolderDeletion.Deleted;
import dev.finetune.operator.progress.ObjectReader.Content;
import dev.finetune.operator.progress.ObjectWriter.Page;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.time.Clock;
import java.util.Optional;
import software.amazon.awssdk.core.exception.SdkException;

/** Changes runs in S3, with the credentials of the job's own namespace. */
public final class S3RunChanges implements RunChanges, AutoCloseable {
  private final RunFolders folders;
  private final int maximumDeletions;
  private final Clock clock;

  /** Creates it; the caller closes it. */
  public S3RunChanges(KubernetesClient client, OperatorConfig.Storage config, Clock clock) {
    this.folders = new RunFolders(client, config);
    this.maximumDeletions = config.maximumDeletions();
    this.clock = clock;
  }

  @Override
  public Outcome requestCheckpoint(FineTuneJob job, String id) {
    return in(job, folder -> request(folder, id));
  }

  @Override
  public Outcome deleteCheckpoints(FineTuneJob job) {
    return in(job, folder -> deleteCheckpoints(folder, job.getMetadata().getUid()));
  }

  @Override
  public Outcome deleteRun(FineTuneJob job) {
    return in(job, folder -> deleteRun(folder, job.getMetadata().getUid()));
  }

  @Override
  public void close() {
    folders.close();
  }

  private interface Change {
    Outcome in(RunFolder folder) throws BrokenRun, IOException;
  }

  private Outcome in(FineTuneJob job, Change change) {
    try (RunFolder folder = folders.open(job)) {
      return change.in(folder);
    } catch (NotReadable e) {
      String message = String.valueOf(e.getMessage());
      return e.permanent() ? new Outcome.NotConfigured(message) : new Outcome.Denied(message);
    } catch (SdkException e) {
      String message = StorageErrors.describe(e);
      return StorageErrors.isDenial(e)
          ? new Outcome.Denied(message)
          : new Outcome.Unavailable(message);
    } catch (IOException e) {
      return new Outcome.Unavailable("the run is not readable: " + e.getMessage());
    } catch (BrokenRun e) {
      return new Outcome.Unavailable(String.valueOf(e.getMessage()));
    }
  }

  private Outcome request(RunFolder folder, String id) throws BrokenRun, IOException {
    Optional<Content> there = folder.get(StorageLayout.CHECKPOINT_REQUEST, null);
    if (there.isPresent() && isRequest(there.get(), id)) {
      return new Outcome.Done(0);
    }
    folder
        .writer()
        .put(
            folder.prefix() + StorageLayout.CHECKPOINT_REQUEST,
            RunJson.write(new CheckpointRequest(id, clock.instant())));
    return new Outcome.Done(1);
  }

  /** A request that cannot be read is no request, and is written over. */
  private static boolean isRequest(Content content, String id) {
    byte[] bytes = content.bytes();
    if (bytes == null) {
      return false;
    }
    try {
      return id.equals(
          RunFolder.parse(StorageLayout.CHECKPOINT_REQUEST, bytes, CheckpointRequest.class).id());
    } catch (BrokenRun _) {
      return false;
    }
  }

  private Outcome deleteCheckpoints(RunFolder folder, String owner) throws BrokenRun, IOException {
    return switch (HeadSwap.change(
        folder, (head, writeId) -> DeletionRules.withoutCheckpoints(head, owner, writeId))) {
      case HeadSwap.Result.NoRun() -> new Outcome.Done(0);
      case HeadSwap.Result.Refused(String message) -> new Outcome.Refused(message);
      case HeadSwap.Result.Lost() -> lost();
      case HeadSwap.Result.Settled _ -> {
        Deleted deleted = new FolderDeletion(folder, maximumDeletions).checkpoints();
        yield deleted.all() ? new Outcome.Done(deleted.objects()) : new Outcome.Unfinished();
      }
    };
  }

  private Outcome deleteRun(RunFolder folder, String owner) throws BrokenRun, IOException {
    return switch (HeadSwap.change(
        folder, (head, writeId) -> DeletionRules.deleted(head, owner, writeId, clock.instant()))) {
      case HeadSwap.Result.NoRun() -> new Outcome.Done(0);
      case HeadSwap.Result.Refused(String message) -> new Outcome.Refused(message);
      case HeadSwap.Result.Lost() -> lost();
      case HeadSwap.Result.Settled(Head ours) -> deleteObjects(folder, ours);
    };
  }

  /**
   * Deletes what is listed, if the head is still ours after the listing: whoever claims the run
   * later than that has not written anything that is listed.
   */
  private Outcome deleteObjects(RunFolder folder, Head ours) throws BrokenRun, IOException {
    Page page = new FolderDeletion(folder, maximumDeletions).butTheHead();
    if (!isStill(folder, ours)) {
      return new Outcome.Unfinished();
    }
    for (String key : page.keys()) {
      folder.writer().delete(key);
    }
    if (!page.last() || !isStill(folder, ours)) {
      return new Outcome.Unfinished();
    }
    folder.writer().delete(folder.prefix() + StorageLayout.HEAD);
    return new Outcome.Done(page.keys().size() + 1);
  }

  private static boolean isStill(RunFolder folder, Head ours) throws BrokenRun, IOException {
    return HeadSwap.read(folder).filter(head -> head.writeId().equals(ours.writeId())).isPresent();
  }

  private static Outcome lost() {
    return new Outcome.Unavailable(StorageLayout.HEAD + ": could not be changed, others write it");
  }
}
