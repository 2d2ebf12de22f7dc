package dev.finetune.operator.desired;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.PodSettings;
import dev.finetune.api.spec.SecretReference;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import io.fabric8.kubernetes.api.model.Affinity;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.LocalObjectReference;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpecBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.ResourceRequirementsBuilder;
import io.fabric8.kubernetes.api.model.Toleration;
import io.fabric8.kubernetes.api.model.TolerationBuilder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The pod that trains: restricted, with a read-only root, and what of it a user may set. */
final class TrainerPod {
  private static final JsonMapper JSON = new JsonMapper();
  private static final long USER = 65532;
  private static final List<String> LOST_NODE =
      List.of("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable");
  private static final PodSettings NOTHING_SET =
      new PodSettings(null, null, null, null, null, null, null, null, null, null);

  private TrainerPod() {}

  static PodTemplateSpec of(
      FineTuneJob job, int number, AttemptSettings attempt, OperatorConfig.Trainer config) {
    PodSettings pod = job.getSpec().pod() == null ? NOTHING_SET : job.getSpec().pod();
    Map<String, String> labels = new LinkedHashMap<>(orEmpty(pod.labels()));
    labels.putAll(Labels.of(job, number));
    return new PodTemplateSpecBuilder()
        .withNewMetadata()
        .withLabels(labels)
        .withAnnotations(pod.annotations())
        .endMetadata()
        .withSpec(spec(job, Labels.jobName(job, number), pod, attempt, config))
        .build();
  }

  private static PodSpec spec(
      FineTuneJob job,
      String configMap,
      PodSettings pod,
      AttemptSettings attempt,
      OperatorConfig.Trainer config) {
    TrainerVolumes volumes = TrainerVolumes.of(job.getSpec(), configMap, config);
    return new PodSpecBuilder()
        .withRestartPolicy("Never")
        .withServiceAccountName(pod.serviceAccountName())
        .withAutomountServiceAccountToken(false)
        .withEnableServiceLinks(false)
        .withTerminationGracePeriodSeconds(attempt.gracePeriod().toSeconds())
        .withPriorityClassName(pod.priorityClassName())
        .withRuntimeClassName(pod.runtimeClassName())
        .withNodeSelector(pod.nodeSelector())
        .withAffinity(affinity(pod.affinity()))
        .withTolerations(tolerations(pod, config))
        .withImagePullSecrets(pullSecrets(pod.imagePullSecrets()))
        .withNewSecurityContext()
        .withRunAsNonRoot(true)
        .withRunAsUser(USER)
        .withRunAsGroup(USER)
        .withFsGroup(USER)
        .withFsGroupChangePolicy("OnRootMismatch")
        .withNewSeccompProfile()
        .withType("RuntimeDefault")
        .endSeccompProfile()
        .endSecurityContext()
        .withContainers(container(job, volumes, attempt, config))
        .withVolumes(volumes.volumes())
        .build();
  }

  private static Container container(
      FineTuneJob job,
      TrainerVolumes volumes,
      AttemptSettings attempt,
      OperatorConfig.Trainer config) {
    return new ContainerBuilder()
        .withName(TrainerJob.CONTAINER)
        .withImage(TrainerImage.of(job.getSpec(), config))
        .withImagePullPolicy(config.imagePullPolicy())
        .withArgs("run", "--job", TrainerVolumes.CONFIGURATION + "/" + JobConfigMap.KEY)
        .withEnv(TrainerEnvironment.of(job, attempt))
        .withResources(resources(job.getSpec()))
        .withVolumeMounts(volumes.mounts())
        .withTerminationMessagePolicy("FallbackToLogsOnError")
        .withNewSecurityContext()
        .withAllowPrivilegeEscalation(false)
        .withReadOnlyRootFilesystem(true)
        .withNewCapabilities()
        .withDrop("ALL")
        .endCapabilities()
        .endSecurityContext()
        .build();
  }

  private static @Nullable ResourceRequirements resources(FineTuneJobSpec spec) {
    if (spec.resources() == null) {
      return null;
    }
    return new ResourceRequirementsBuilder()
        .withLimits(quantities("spec.resources.limits", spec.resources().limits()))
        .withRequests(quantities("spec.resources.requests", spec.resources().requests()))
        .build();
  }

  private static Map<String, Quantity> quantities(
      String path, @Nullable Map<String, dev.finetune.api.spec.Quantity> amounts) {
    Map<String, Quantity> quantities = new LinkedHashMap<>();
    orEmpty(amounts)
        .forEach(
            (name, amount) -> quantities.put(name, Amounts.of(path + "[" + name + "]", amount)));
    return quantities;
  }

  private static @Nullable Affinity affinity(@Nullable Map<String, Object> affinity) {
    if (affinity == null) {
      return null;
    }
    try {
      return JSON.convertValue(affinity, Affinity.class);
    } catch (IllegalArgumentException e) {
      throw new InvalidPodSettings(
          "spec.pod.affinity: must be an affinity of core/v1: " + e.getMessage(), e);
    }
  }

  private static List<Toleration> tolerations(PodSettings pod, OperatorConfig.Trainer config) {
    List<Toleration> tolerations = new ArrayList<>();
    for (dev.finetune.api.spec.Toleration user : orEmpty(pod.tolerations())) {
      tolerations.add(
          new Toleration(
              user.effect(), user.key(), user.operator(), user.tolerationSeconds(), user.value()));
    }
    for (String taint : LOST_NODE) {
      if (tolerations.stream().noneMatch(user -> taint.equals(user.getKey()))) {
        tolerations.add(
            new TolerationBuilder()
                .withKey(taint)
                .withOperator("Exists")
                .withEffect("NoExecute")
                .withTolerationSeconds(config.unreachableToleration().toSeconds())
                .build());
      }
    }
    return tolerations;
  }

  private static List<LocalObjectReference> pullSecrets(@Nullable List<SecretReference> secrets) {
    return orEmpty(secrets).stream()
        .map(secret -> new LocalObjectReference(secret.name()))
        .toList();
  }

  private static <T> List<T> orEmpty(@Nullable List<T> list) {
    return list == null ? List.of() : list;
  }

  private static <V> Map<String, V> orEmpty(@Nullable Map<String, V> map) {
    return map == null ? Map.of() : map;
  }
}
