package dev.finetune.local.runner;

import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.PodFailurePolicyOnExitCodesRequirement;
import io.fabric8.kubernetes.api.model.batch.v1.PodFailurePolicyOnPodConditionsPattern;
import io.fabric8.kubernetes.api.model.batch.v1.PodFailurePolicyRule;
import java.util.List;

/** What a Job's {@code podFailurePolicy} says about a pod that failed. */
final class FailureRules {
  /** What follows from the failure of a pod. */
  sealed interface Verdict {}

  /** The failure counts towards the back-off limit. */
  record Count() implements Verdict {}

  /** The pod is replaced as if it had never been. */
  record Ignore() implements Verdict {}

  /** The Job fails now. */
  record FailJob(String message) implements Verdict {}

  private FailureRules() {}

  /** Returns the verdict of the first rule that matches; without one, the failure counts. */
  static Verdict judge(Job job, Pod pod) {
    var policy = job.getSpec().getPodFailurePolicy();
    if (policy == null) {
      return new Count();
    }
    List<PodFailurePolicyRule> rules = policy.getRules();
    for (int i = 0; i < rules.size(); i++) {
      PodFailurePolicyRule rule = rules.get(i);
      String match = match(rule, pod);
      if (!match.isEmpty()) {
        return switch (rule.getAction()) {
          case "Ignore" -> new Ignore();
          case "FailJob" -> new FailJob(match + " matching FailJob rule at index " + i);
          case "Count" -> new Count();
          default ->
              throw new IllegalArgumentException(
                  "spec.podFailurePolicy.rules[%d].action: must be Ignore, FailJob or Count, was %s"
                      .formatted(i, rule.getAction()));
        };
      }
    }
    return new Count();
  }

  /** Returns what of the pod matches, or an empty text. */
  private static String match(PodFailurePolicyRule rule, Pod pod) {
    String name = pod.getMetadata().getNamespace() + "/" + pod.getMetadata().getName();
    if (rule.getOnExitCodes() != null) {
      for (ContainerStatus container : pod.getStatus().getContainerStatuses()) {
        if (matches(rule.getOnExitCodes(), container)) {
          return "Container %s for pod %s failed with exit code %d"
              .formatted(
                  container.getName(), name, container.getState().getTerminated().getExitCode());
        }
      }
      return "";
    }
    for (PodFailurePolicyOnPodConditionsPattern pattern : rule.getOnPodConditions()) {
      for (PodCondition condition : pod.getStatus().getConditions()) {
        String wanted = pattern.getStatus() == null ? "True" : pattern.getStatus();
        if (condition.getType().equals(pattern.getType()) && condition.getStatus().equals(wanted)) {
          return "Pod %s has condition %s".formatted(name, condition.getType());
        }
      }
    }
    return "";
  }

  private static boolean matches(
      PodFailurePolicyOnExitCodesRequirement codes, ContainerStatus container) {
    var terminated = container.getState() == null ? null : container.getState().getTerminated();
    boolean other =
        codes.getContainerName() != null && !codes.getContainerName().equals(container.getName());
    // The real controller does not look at exit code 0, whatever the operator.
    if (terminated == null || terminated.getExitCode() == 0 || other) {
      return false;
    }
    return codes.getValues().contains(terminated.getExitCode()) == codes.getOperator().equals("In");
  }
}
