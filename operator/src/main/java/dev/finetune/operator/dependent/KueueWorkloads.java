package dev.finetune.operator.dependent;

import io.fabric8.kubernetes.api.model.APIGroup;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.util.List;
import java.util.Optional;

/**
 * Finds and switches the Workloads of Jobs in a Kueue queue. Kueue starts an admitted Job again
 * that someone else suspended, so a Job in a queue is stopped by its Workload.
 */
public final class KueueWorkloads {
  private static final String GROUP = "kueue.x-k8s.io";
  private static final String JOB_UID = GROUP + "/job-uid";

  private final KubernetesClient client;

  /** Creates it; the caller closes the client. */
  public KueueWorkloads(KubernetesClient client) {
    this.client = client;
  }

  /** Returns the Workload of a Job, or empty if Kueue is not there or has made none yet. */
  public Optional<KueueWorkload> find(Job job) {
    Optional<ResourceDefinitionContext> type = type();
    if (type.isEmpty()) {
      return Optional.empty();
    }
    List<GenericKubernetesResource> workloads =
        client
            .genericKubernetesResources(type.get())
            .inNamespace(job.getMetadata().getNamespace())
            .withLabel(JOB_UID, job.getMetadata().getUid())
            .list()
            .getItems();
    return workloads.stream()
        .findFirst()
        .map(
            workload ->
                new KueueWorkload(
                    workload.getMetadata().getName(),
                    !Boolean.FALSE.equals(workload.get("spec", "active"))));
  }

  /** Lets Kueue run a Workload, or has it stopped. */
  public void setActive(String namespace, KueueWorkload workload, boolean active) {
    ResourceDefinitionContext type =
        type().orElseThrow(() -> new IllegalStateException("Kueue is gone"));
    GenericKubernetesResource patched =
        client
            .genericKubernetesResources(type)
            .inNamespace(namespace)
            .withName(workload.name())
            .patch(
                PatchContext.of(PatchType.JSON_MERGE),
                "{\"spec\":{\"active\":%s}}".formatted(active));
    if (patched == null) {
      throw new IllegalStateException("the Workload is gone: " + workload.name());
    }
  }

  /** Returns Workloads in the version that the cluster prefers, if it has them. */
  private Optional<ResourceDefinitionContext> type() {
    APIGroup group = client.getApiGroup(GROUP);
    return group == null
        ? Optional.empty()
        : Optional.of(
            new ResourceDefinitionContext.Builder()
                .withGroup(GROUP)
                .withVersion(group.getPreferredVersion().getVersion())
                .withKind("Workload")
                .withPlural("workloads")
                .withNamespaced(true)
                .build());
  }
}
