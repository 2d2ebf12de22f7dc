package dev.finetune.operator.desired;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import java.util.LinkedHashMap;
import java.util.Map;

/** The spec, frozen for one attempt: the file that the trainer runs. */
public final class JobConfigMap {
  /** Key of the file in the ConfigMap, and its name in the pod. */
  public static final String KEY = "job.yaml";

  private static final YAMLMapper YAML =
      YAMLMapper.builder()
          .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
          .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
          .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
          .defaultPropertyInclusion(
              JsonInclude.Value.construct(
                  JsonInclude.Include.NON_NULL, JsonInclude.Include.NON_NULL))
          .build();

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
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("name", job.getMetadata().getName());
    metadata.put("namespace", job.getMetadata().getNamespace());
    metadata.put("uid", job.getMetadata().getUid());
    Map<String, Object> file = new LinkedHashMap<>();
    file.put("apiVersion", job.getApiVersion());
    file.put("kind", job.getKind());
    file.put("metadata", metadata);
    file.put("spec", job.getSpec());
    try {
      return YAML.writeValueAsString(file);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("every spec that was read can be written", e);
    }
  }
}
