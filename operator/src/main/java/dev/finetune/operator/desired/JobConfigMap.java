package dev.finetune.operator.desired;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import java.util.Map;

/** The spec, frozen for one attempt: the file that the trainer runs. */
public final class JobConfigMap {
  /** Key of the file in the ConfigMap, and its name in the pod. */
  public static final String KEY = "job.yaml";

  private JobConfigMap() {}

  /** Returns the immutable ConfigMap of the Job with a number from 1. */
  public static ConfigMap of(FineTuneJob job, int number) {
    return new ConfigMapBuilder()
        .withNewMetadata()
        .withName(Labels.jobName(job, number))
        .withNamespace(job.getMetadata().getNamespace())
        .withLabels(Labels.of(job, number))
        .withOwnerReferences(Labels.owner(job))
        .endMetadata()
        .withImmutable(true)
        .addToData(KEY, yaml(job))
        .build();
  }

  private static String yaml(FineTuneJob job) {
    ObjectMeta metadata = job.getMetadata();
    return new FineTuneJobFile(
            metadata.getName(),
            metadata.getNamespace(),
            metadata.getUid(),
            Map.of(),
            Map.of(),
            job.getSpec())
        .toYaml();
  }
}
