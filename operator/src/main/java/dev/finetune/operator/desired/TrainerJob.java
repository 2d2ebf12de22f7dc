package dev.finetune.operator.desired;

import dev.finetune.api.run.ExitCode;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.PodFailurePolicy;
import io.fabric8.kubernetes.api.model.batch.v1.PodFailurePolicyBuilder;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The Job of one attempt. It is created once and never updated. A pod that was evicted, preempted,
 * deleted or that saved its state and yielded is replaced within the Job; every other end fails the
 * Job, and the operator decides whether there is another.
 */
public final class TrainerJob {
  /** Name of the container that trains. */
  public static final String CONTAINER = "trainer";

  private TrainerJob() {}

  /**
   * Returns the Job with a number from 1.
   *
   * @throws InvalidPodSettings if resources or affinity of the spec are not what Kubernetes takes
   */
  public static Job of(
      FineTuneJob job, int number, AttemptSettings attempt, OperatorConfig.Trainer config) {
    Map<String, String> labels = new LinkedHashMap<>(Labels.kueue(job));
    labels.putAll(Labels.of(job, number));
    return new JobBuilder()
        .withNewMetadata()
        .withName(Labels.jobName(job, number))
        .withNamespace(job.getMetadata().getNamespace())
        .withLabels(labels)
        .withOwnerReferences(Labels.owner(job))
        .endMetadata()
        .withNewSpec()
        .withSuspend(Labels.queue(job).isPresent() ? true : null)
        .withParallelism(1)
        .withCompletions(1)
        .withBackoffLimit(0)
        .withPodReplacementPolicy("Failed")
        .withPodFailurePolicy(podFailurePolicy())
        .withTemplate(TrainerPod.of(job, number, attempt, config))
        .endSpec()
        .build();
  }

  /** Returns by what the trainer of a Job divides the token budget of the run. */
  public static int tokenBudgetDivisor(Job job) {
    return job.getSpec().getTemplate().getSpec().getContainers().stream()
        .flatMap(container -> container.getEnv().stream())
        .filter(variable -> TrainerEnvironment.TOKEN_BUDGET_DIVISOR.equals(variable.getName()))
        .map(EnvVar::getValue)
        .filter(value -> value != null && value.matches("[248]"))
        .findFirst()
        .map(Integer::parseInt)
        .orElse(1);
  }

  private static PodFailurePolicy podFailurePolicy() {
    return new PodFailurePolicyBuilder()
        .addNewRule()
        .withAction("Ignore")
        .addNewOnPodCondition("True", "DisruptionTarget")
        .endRule()
        .addNewRule()
        .withAction("Ignore")
        .withNewOnExitCodes()
        .withContainerName(CONTAINER)
        .withOperator("In")
        .withValues(ExitCode.YIELDED.code())
        .endOnExitCodes()
        .endRule()
        .addNewRule()
        .withAction("FailJob")
        .withNewOnExitCodes()
        .withContainerName(CONTAINER)
        .withOperator("NotIn")
        .withValues(ExitCode.YIELDED.code())
        .endOnExitCodes()
        .endRule()
        .build();
  }
}
