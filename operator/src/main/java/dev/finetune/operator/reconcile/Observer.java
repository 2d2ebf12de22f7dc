package dev.finetune.operator.reconcile;

import dev.finetune.api.spec.SpecRules;
import dev.finetune.api.spec.Violation;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.dependent.KueueWorkload;
import dev.finetune.operator.dependent.KueueWorkloads;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.progress.RunReader;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.status.Conditions;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Gathers what a decision is made from. It changes nothing. */
final class Observer {
  private final KubernetesClient client;
  private final KueueWorkloads workloads;
  private final RunReader reader;
  private final Duration interval;
  private final Clock clock;

  Observer(KubernetesClient client, RunReader reader, OperatorConfig config, Clock clock) {
    this.client = client;
    this.workloads = new KueueWorkloads(client);
    this.reader = reader;
    this.interval = config.polling().interval();
    this.clock = clock;
  }

  /** Observes Jobs and pods before the storage, so that a finished Job meets its delivery. */
  Observation observe(FineTuneJob job, Context<FineTuneJob> context) {
    List<Job> jobs = jobs(job, context);
    Set<String> uids =
        jobs.stream().map(child -> child.getMetadata().getUid()).collect(Collectors.toSet());
    List<Pod> pods =
        context.getSecondaryResources(Pod.class).stream()
            .filter(pod -> uids.stream().anyMatch(uid -> Labels.isOwned(pod, uid)))
            .toList();
    return new Observation(
        job, jobs, pods, read(job, jobs), violations(job), clock.instant(), workload(job, jobs));
  }

  private List<Job> jobs(FineTuneJob job, Context<FineTuneJob> context) {
    String uid = job.getMetadata().getUid();
    List<Job> jobs = new ArrayList<>();
    for (Job child : context.getSecondaryResources(Job.class)) {
      if (Labels.isOwned(child, uid) && Labels.number(child) > 0) {
        jobs.add(child);
      }
    }
    missing(job, jobs)
        .map(
            attempt ->
                client
                    .batch()
                    .v1()
                    .jobs()
                    .inNamespace(job.getMetadata().getNamespace())
                    .withName(attempt.job())
                    .get())
        .filter(child -> Labels.isOwned(child, uid))
        .ifPresent(jobs::add);
    return jobs;
  }

  /** Returns the attempt whose Job should be there; the cache may be behind its making. */
  private static Optional<AttemptStatus> missing(FineTuneJob job, List<Job> jobs) {
    if (Conditions.isTerminal(job)
        || job.getStatus() == null
        || job.getStatus().attempts() == null
        || job.getStatus().attempts().isEmpty()) {
      return Optional.empty();
    }
    AttemptStatus last = job.getStatus().attempts().getLast();
    boolean there = jobs.stream().anyMatch(child -> Labels.number(child) == last.number());
    return last.endTime() != null || there ? Optional.empty() : Optional.of(last);
  }

  private @Nullable KueueWorkload workload(FineTuneJob job, List<Job> jobs) {
    return jobs.stream()
        .max(Comparator.comparingInt(Labels::number))
        .filter(last -> SuspensionPolicy.concernsWorkload(job, last))
        .flatMap(workloads::find)
        .orElse(null);
  }

  private RunReading read(FineTuneJob job, List<Job> jobs) {
    if (Conditions.isTerminal(job)) {
      reader.forget(job.getMetadata().getUid());
      return RunReading.notReadable("the job has ended");
    }
    boolean runs = jobs.stream().anyMatch(child -> !JobState.of(child).finished());
    return reader.read(job, runs ? interval.multipliedBy(4).dividedBy(5) : Duration.ZERO);
  }

  /** Returns what an API server that checks the CRD would have refused. */
  private static List<String> violations(FineTuneJob job) {
    return SpecRules.check(job.getSpec()).stream().map(Violation::toString).toList();
  }
}
