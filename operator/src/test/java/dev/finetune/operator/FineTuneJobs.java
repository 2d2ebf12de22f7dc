package dev.finetune.operator;

import dev.finetune.api.spec.Adapter;
import dev.finetune.api.spec.BaseModel;
import dev.finetune.api.spec.CheckpointPolicy;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.DeletionPolicy;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.SecretReference;
import dev.finetune.api.spec.Storage;
import dev.finetune.api.spec.Task;
import dev.finetune.api.spec.Training;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import java.util.List;

/** FineTuneJobs for tests. */
public final class FineTuneJobs {
  private FineTuneJobs() {}

  /** Returns a job with what every job must have. */
  public static FineTuneJob minimal() {
    return with(false, null, "http://store.example:9000");
  }

  /** Returns a job that reads its run from an endpoint. */
  public static FineTuneJob with(boolean suspend, Integer ttlSeconds, String endpoint) {
    return with("s3://models/SmolLM2-135M-Instruct", suspend, ttlSeconds, endpoint);
  }

  /** Returns a job with a base model of any URI. */
  public static FineTuneJob ofModel(String uri) {
    return with(uri, false, null, "http://store.example:9000");
  }

  private static FineTuneJob with(
      String modelUri, boolean suspend, Integer ttlSeconds, String endpoint) {
    FineTuneJob job = new FineTuneJob();
    job.setMetadata(
        new ObjectMetaBuilder()
            .withName("alpaca")
            .withNamespace("team")
            .withUid("5f1c7d2e-0000-4000-8000-000000000001")
            .withGeneration(1L)
            .build());
    job.setSpec(
        new FineTuneJobSpec(
            Task.CAUSAL_LM,
            new BaseModel(modelUri, null, null),
            new Dataset("s3://datasets/alpaca.jsonl", null, null, null),
            Adapter.defaults(),
            null,
            Training.defaults(),
            null,
            null,
            null,
            CheckpointPolicy.defaults(),
            new Storage(
                "s3://finetune/runs",
                endpoint,
                null,
                null,
                null,
                new SecretReference("finetune-storage")),
            null,
            null,
            null,
            suspend,
            null,
            ttlSeconds,
            null));
    return job;
  }

  /** Returns a job whose run is deleted as a policy says. */
  public static FineTuneJob with(DeletionPolicy policy) {
    FineTuneJob job = minimal();
    job.setSpec(with(job.getSpec(), job.getSpec().storage(), policy));
    return job;
  }

  /** Returns a job whose run lies in a storage, and is deleted as a policy says. */
  public static FineTuneJob with(Storage storage, DeletionPolicy policy) {
    FineTuneJob job = minimal();
    job.setSpec(with(job.getSpec(), storage, policy));
    return job;
  }

  private static FineTuneJobSpec with(
      FineTuneJobSpec spec, Storage storage, DeletionPolicy policy) {
    return new FineTuneJobSpec(
        spec.task(),
        spec.model(),
        spec.dataset(),
        spec.adapter(),
        spec.quantization(),
        spec.training(),
        spec.classification(),
        spec.evaluation(),
        spec.forgetting(),
        spec.checkpoint(),
        storage,
        spec.resources(),
        spec.pod(),
        spec.cache(),
        spec.suspend(),
        spec.runId(),
        spec.ttlSecondsAfterFinished(),
        policy);
  }

  /** Gives a job a status that lists attempts. */
  public static FineTuneJob withAttempts(FineTuneJob job, AttemptStatus... attempts) {
    job.setStatus(
        new FineTuneJobStatus(
            1L,
            null,
            null,
            null,
            null,
            null,
            List.of(attempts),
            null,
            null,
            null,
            null,
            null,
            null,
            null));
    return job;
  }
}
