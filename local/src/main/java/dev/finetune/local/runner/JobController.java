package dev.finetune.local.runner;

import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobConditionBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatus;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Makes and deletes the pods of a Job and writes its status, as {@link JobStep} decides. */
final class JobController {
  private static final String UID_LABEL = "batch.kubernetes.io/controller-uid";

  private final KubernetesClient client;
  private final String node;
  private final Clock clock;

  /**
   * @param node name of the node that every pod is bound to
   */
  JobController(KubernetesClient client, String node, Clock clock) {
    this.client = client;
    this.node = node;
    this.clock = clock;
  }

  /** Does what is next for a Job. */
  void reconcile(Job job) {
    if (job.getStatus() == null) {
      job.setStatus(new JobStatus());
    }
    List<Pod> pods = podsOf(job);
    if (JobStep.isFinished(job) || job.getMetadata().getDeletionTimestamp() != null) {
      pods.forEach(this::release);
      return;
    }
    JobStep step = JobStep.of(job, pods, clock.instant());
    for (Pod pod : step.delete()) {
      client.resource(pod).delete();
    }
    List<Pod> active = pods.stream().filter(pod -> !JobStep.isEnded(pod)).toList();
    writeStatus(job, step, active);
    // Booked first, released after: a pod that goes before it is booked would never count.
    step.counted().forEach(this::release);
    if (step.create()) {
      client.resource(pod(job)).create();
    }
  }

  /** Lets go of the pods of Jobs that are no longer there. */
  void releaseOrphans(List<Pod> pods, List<Job> jobs) {
    for (Pod pod : pods) {
      boolean owned =
          pod.getMetadata().getOwnerReferences().stream()
              .anyMatch(
                  owner ->
                      jobs.stream()
                          .anyMatch(job -> job.getMetadata().getUid().equals(owner.getUid())));
      if (!owned && JobStep.isTerminating(pod)) {
        release(pod);
      }
    }
  }

  private List<Pod> podsOf(Job job) {
    return client
        .pods()
        .inNamespace(job.getMetadata().getNamespace())
        .withLabel(UID_LABEL, job.getMetadata().getUid())
        .list()
        .getItems();
  }

  private Pod pod(Job job) {
    ObjectMeta template = job.getSpec().getTemplate().getMetadata();
    String suffix = UUID.randomUUID().toString().substring(0, 5);
    return new PodBuilder()
        .withNewMetadata()
        .withName(job.getMetadata().getName() + "-" + suffix)
        .withNamespace(job.getMetadata().getNamespace())
        .withLabels(template.getLabels())
        .withAnnotations(template.getAnnotations())
        .withFinalizers(JobStep.TRACKING)
        .withOwnerReferences(
            new OwnerReferenceBuilder()
                .withApiVersion("batch/v1")
                .withKind("Job")
                .withName(job.getMetadata().getName())
                .withUid(job.getMetadata().getUid())
                .withController(true)
                .withBlockOwnerDeletion(true)
                .build())
        .endMetadata()
        .withNewSpecLike(job.getSpec().getTemplate().getSpec())
        .withNodeName(node)
        .endSpec()
        .build();
  }

  private void release(Pod pod) {
    if (!JobStep.isTracked(pod)) {
      return;
    }
    client
        .pods()
        .inNamespace(pod.getMetadata().getNamespace())
        .withName(pod.getMetadata().getName())
        .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"metadata\":{\"finalizers\":null}}");
  }

  private void writeStatus(Job job, JobStep step, List<Pod> active) {
    JobStatus before = job.getStatus();
    JobStatus status = new JobStatusBuilder(before).build();
    List<Pod> live = active.stream().filter(pod -> !JobStep.isTerminating(pod)).toList();
    boolean stopped = step.end().isPresent() || JobStep.isSuspended(job);
    status.setActive(orNull(stopped ? 0 : live.size() + (step.create() ? 1 : 0)));
    status.setReady(
        stopped
            ? 0
            : (int) live.stream().filter(pod -> JobStep.phase(pod).equals("Running")).count());
    status.setTerminating(stopped ? active.size() : active.size() - live.size());
    status.setFailed(orNull(step.failed()));
    status.setSucceeded(orNull(step.succeeded()));
    suspension(job, status);
    step.end().ifPresent(end -> end(status, end, active.isEmpty()));
    if (!status.equals(before)) {
      Job changed = client.resource(job).item();
      changed.setStatus(status);
      // Not a patch, which would keep the fields that are absent now.
      client.resource(changed).updateStatus();
    }
  }

  private void suspension(Job job, JobStatus status) {
    boolean suspended = JobStep.isSuspended(job);
    boolean was = JobStep.condition(job, "Suspended").isPresent();
    if (suspended && !was) {
      setCondition(status, "Suspended", "True", "JobSuspended", "Job suspended");
      status.setStartTime(null);
    } else if (!suspended && was) {
      setCondition(status, "Suspended", "False", "JobResumed", "Job resumed");
    }
    if (!suspended && status.getStartTime() == null) {
      status.setStartTime(now());
    }
  }

  private void end(JobStatus status, JobStep.End end, boolean podsAreGone) {
    String target = end.complete() ? "SuccessCriteriaMet" : "FailureTarget";
    setCondition(status, target, "True", end.reason(), end.message());
    if (!podsAreGone) {
      return;
    }
    String type = end.complete() ? "Complete" : "Failed";
    setCondition(status, type, "True", end.reason(), end.message());
    if (end.complete()) {
      status.setCompletionTime(now());
    }
  }

  private void setCondition(
      JobStatus status, String type, String value, String reason, String message) {
    var conditions = new ArrayList<>(status.getConditions());
    boolean there =
        conditions.stream()
            .anyMatch(one -> one.getType().equals(type) && one.getStatus().equals(value));
    if (there) {
      return;
    }
    conditions.removeIf(one -> one.getType().equals(type));
    conditions.add(
        new JobConditionBuilder()
            .withType(type)
            .withStatus(value)
            .withReason(reason)
            .withMessage(message)
            .withLastProbeTime(now())
            .withLastTransitionTime(now())
            .build());
    status.setConditions(conditions);
  }

  private static @Nullable Integer orNull(int number) {
    return number == 0 ? null : number;
  }

  private String now() {
    Instant now = clock.instant().truncatedTo(ChronoUnit.SECONDS);
    return now.toString();
  }
}
