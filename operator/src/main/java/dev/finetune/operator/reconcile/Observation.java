package dev.finetune.operator.reconcile;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.dependent.KueueWorkload;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.progress.RunReading;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Everything that a decision is made from.
 *
 * @param job the FineTuneJob
 * @param jobs its Jobs, ascending by number
 * @param pods the pods of its Jobs, oldest first
 * @param run what object storage says
 * @param violations rules that the spec breaks, each with the path of its field
 * @param now the time
 * @param workload what Kueue keeps of the last Job, if that was of interest and there is one
 */
record Observation(
    FineTuneJob job,
    List<Job> jobs,
    List<Pod> pods,
    RunReading run,
    List<String> violations,
    Instant now,
    @Nullable KueueWorkload workload) {
  /** Observes a job outside of a queue. */
  Observation(
      FineTuneJob job,
      List<Job> jobs,
      List<Pod> pods,
      RunReading run,
      List<String> violations,
      Instant now) {
    this(job, jobs, pods, run, violations, now, null);
  }

  Observation {
    jobs = jobs.stream().sorted(Comparator.comparingInt(Labels::number)).toList();
    pods =
        pods.stream()
            .sorted(
                Comparator.comparing(
                    (Pod pod) ->
                        Optional.ofNullable(pod.getMetadata().getCreationTimestamp()).orElse("")))
            .toList();
    violations = List.copyOf(violations);
  }

  Optional<Job> job(int number) {
    return jobs.stream().filter(job -> Labels.number(job) == number).findFirst();
  }

  List<Pod> podsOf(int number) {
    return pods.stream().filter(pod -> Labels.number(pod) == number).toList();
  }

  /** Returns the pod of a Job that was made last, if it has one. */
  Optional<Pod> newestPod(int number) {
    List<Pod> all = podsOf(number);
    return all.isEmpty() ? Optional.empty() : Optional.of(all.getLast());
  }

  Optional<Delivery> delivery() {
    return run.findHead().map(Head::delivered);
  }

  /** Returns this observation with a Job that was made or changed since. */
  Observation with(Job changed) {
    List<Job> all = new ArrayList<>(jobs);
    all.removeIf(job -> Labels.number(job) == Labels.number(changed));
    all.add(changed);
    return new Observation(job, all, pods, run, violations, now, workload);
  }
}
