package dev.finetune.operator.dependent;

import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.desired.AttemptSettings;
import dev.finetune.operator.desired.InvalidPodSettings;
import dev.finetune.operator.desired.JobConfigMap;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.desired.TrainerJob;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.net.HttpURLConnection;
import java.util.List;

/** Makes, stops, resumes and removes the Jobs of a FineTuneJob. It decides nothing. */
public final class JobActions {
  private static final int UNPROCESSABLE = 422;

  private final KubernetesClient client;
  private final OperatorConfig config;

  /** Creates the actions; the caller closes the client. */
  public JobActions(KubernetesClient client, OperatorConfig config) {
    this.client = client;
    this.config = config;
  }

  /**
   * Makes the ConfigMap and the Job with a number, if the FineTuneJob is still as the decision
   * found it: a cache may be behind, and a second Job would be a second trainer.
   */
  public CreateResult create(FineTuneJob seen, int number, AttemptSettings attempt) {
    FineTuneJob job =
        client
            .resources(FineTuneJob.class)
            .inNamespace(seen.getMetadata().getNamespace())
            .withName(seen.getMetadata().getName())
            .get();
    if (job == null || !isAsDecided(seen, job, number)) {
      return new CreateResult.Outdated();
    }
    try {
      ConfigMap configMap = createOrGet(JobConfigMap.of(job, number));
      if (!isOurs(configMap, job)) {
        return inTheWay(configMap);
      }
      Job made = createOrGet(TrainerJob.of(job, number, attempt, config.trainer()));
      return isOurs(made, job) ? new CreateResult.Made(made) : inTheWay(made);
    } catch (InvalidPodSettings e) {
      return new CreateResult.Rejected(String.valueOf(e.getMessage()));
    } catch (KubernetesClientException e) {
      return refused(e);
    }
  }

  /** Stops a Job or lets it go on: the only field of a Job that is ever changed. */
  public Job suspend(Job job, boolean suspend) {
    // With the UID, the API server refuses to change another Job of the same name.
    String patch =
        "{\"metadata\":{\"uid\":\"%s\"},\"spec\":{\"suspend\":%s}}"
            .formatted(job.getMetadata().getUid(), suspend);
    return client
        .batch()
        .v1()
        .jobs()
        .inNamespace(job.getMetadata().getNamespace())
        .withName(job.getMetadata().getName())
        .patch(PatchContext.of(PatchType.JSON_MERGE), patch);
  }

  /** Removes Jobs with their pods, and the ConfigMaps of a FineTuneJob. */
  public void remove(FineTuneJob job, List<Job> jobs) {
    String namespace = job.getMetadata().getNamespace();
    List<ConfigMap> configMaps =
        client
            .configMaps()
            .inNamespace(namespace)
            .withLabel(Labels.MANAGED_BY, Labels.OPERATOR)
            .withLabel(Labels.JOB, job.getMetadata().getName())
            .list()
            .getItems();
    for (ConfigMap configMap : configMaps) {
      if (isOurs(configMap, job)) {
        client.resource(configMap).inNamespace(namespace).delete();
      }
    }
    for (Job old : jobs) {
      client
          .resource(old)
          .inNamespace(namespace)
          .withPropagationPolicy(DeletionPropagation.BACKGROUND)
          .delete();
    }
  }

  /** Returns whether nothing happened to the FineTuneJob that would make this Job one too many. */
  private static boolean isAsDecided(FineTuneJob seen, FineTuneJob now, int number) {
    FineTuneJobStatus status = now.getStatus();
    List<AttemptStatus> attempts =
        status == null || status.attempts() == null ? List.of() : status.attempts();
    return now.getMetadata().getUid().equals(seen.getMetadata().getUid())
        && now.getMetadata().getDeletionTimestamp() == null
        && !now.getSpec().suspend()
        && (status == null || status.completionTime() == null)
        && attempts.stream().noneMatch(attempt -> attempt.number() >= number);
  }

  private <T extends HasMetadata> T createOrGet(T desired) {
    try {
      return client.resource(desired).create();
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
        throw e;
      }
      T existing = client.resource(desired).get();
      if (existing == null) {
        throw e;
      }
      return existing;
    }
  }

  private static boolean isOurs(HasMetadata object, FineTuneJob job) {
    return Labels.isOwned(object, job.getMetadata().getUid());
  }

  private static CreateResult inTheWay(HasMetadata object) {
    return new CreateResult.Blocked(
        "a %s named %s is in the way; it belongs to something else, or to a job that is being removed"
            .formatted(object.getKind(), object.getMetadata().getName()));
  }

  private static CreateResult refused(KubernetesClientException e) {
    String message =
        e.getStatus() == null || e.getStatus().getMessage() == null
            ? String.valueOf(e.getMessage())
            : e.getStatus().getMessage();
    if (e.getCode() == UNPROCESSABLE || e.getCode() == HttpURLConnection.HTTP_BAD_REQUEST) {
      return new CreateResult.Rejected(message);
    }
    if (e.getCode() == HttpURLConnection.HTTP_FORBIDDEN && message.contains("exceeded quota")) {
      return new CreateResult.Blocked(message);
    }
    throw e;
  }
}
