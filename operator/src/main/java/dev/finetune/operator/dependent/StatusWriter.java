package dev.finetune.operator.dependent;

import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.ProgressStatus;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;

/**
 * Writes the status by server-side apply of an object that holds nothing else. Two field managers
 * own two subtrees, so that a report of progress never undoes a condition.
 */
public final class StatusWriter {
  /** Owns everything but the progress. */
  public static final String STATUS_MANAGER = "finetune-operator";

  /** Owns the progress. */
  public static final String PROGRESS_MANAGER = "finetune-progress";

  private final KubernetesClient client;

  /** Creates a writer; the caller closes the client. */
  public StatusWriter(KubernetesClient client) {
    this.client = client;
  }

  /**
   * Writes everything but the progress.
   *
   * @return the FineTuneJob as the API server then holds it
   */
  public FineTuneJob writeStatus(FineTuneJob job, FineTuneJobStatus status) {
    return apply(job, status, STATUS_MANAGER);
  }

  /**
   * Writes the progress.
   *
   * @return the FineTuneJob as the API server then holds it
   */
  public FineTuneJob writeProgress(FineTuneJob job, ProgressStatus progress) {
    FineTuneJobStatus status =
        new FineTuneJobStatus(
            null, null, null, null, null, null, null, null, null, null, null, null, progress, null);
    return apply(job, status, PROGRESS_MANAGER);
  }

  /**
   * Returns whether the job has ended, asking the API server and not the cache, which may be
   * behind.
   */
  public boolean hasEnded(FineTuneJob job) {
    FineTuneJob live =
        client
            .resources(FineTuneJob.class)
            .inNamespace(job.getMetadata().getNamespace())
            .withName(job.getMetadata().getName())
            .get();
    return live != null && live.getStatus() != null && live.getStatus().completionTime() != null;
  }

  private FineTuneJob apply(FineTuneJob job, FineTuneJobStatus status, String manager) {
    FineTuneJob minimal = new FineTuneJob();
    minimal.setMetadata(
        new ObjectMetaBuilder()
            .withName(job.getMetadata().getName())
            .withNamespace(job.getMetadata().getNamespace())
            // The API server refuses the write if the job was deleted and made anew.
            .withUid(job.getMetadata().getUid())
            .build());
    minimal.setStatus(status);
    return client
        .resource(minimal)
        .subresource("status")
        .patch(
            new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager(manager)
                .withForce(true)
                .build());
  }
}
