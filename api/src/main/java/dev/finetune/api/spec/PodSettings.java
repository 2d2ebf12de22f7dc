package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.PreserveUnknownFields;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What of the trainer pod a user may set. */
public record PodSettings(
    @JsonPropertyDescription("Service account of the pod. Its token is not mounted.")
        @Size(min = 1, max = 253)
        @Pattern(Syntax.OBJECT_NAME)
        @Nullable String serviceAccountName,
    @JsonPropertyDescription("Labels that the node must have.") @Size(max = 32)
        @Nullable
            Map<
                @Size(min = 1, max = Syntax.QUALIFIED_NAME_LENGTH) @Pattern(Syntax.QUALIFIED_NAME)
                String,
                @Size(max = 63) @Pattern(Syntax.LABEL_VALUE) String>
            nodeSelector,
    @JsonPropertyDescription("Taints that the pod accepts.") @Size(max = 32)
        @Nullable List<Toleration> tolerations,
    @JsonPropertyDescription("Affinity of the pod, as in core/v1.") @PreserveUnknownFields
        @Nullable Map<String, Object> affinity,
    @JsonPropertyDescription("Secrets to pull the trainer image with.") @Size(max = 16)
        @Nullable List<SecretReference> imagePullSecrets,
    @JsonPropertyDescription(
            "Priority class of the pod. May be changed; it holds from the next attempt on.")
        @Size(min = 1, max = 253)
        @Pattern(Syntax.OBJECT_NAME)
        @Nullable String priorityClassName,
    @JsonPropertyDescription("Runtime class of the pod, for example nvidia.")
        @Size(min = 1, max = 253)
        @Pattern(Syntax.OBJECT_NAME)
        @Nullable String runtimeClassName,
    @JsonPropertyDescription(
            "Environment variables of the trainer, besides those that the operator sets.")
        @Size(max = 64)
        @Nullable List<EnvironmentVariable> env,
    @JsonPropertyDescription("Labels of the pod, besides those that the operator sets.")
        @Size(max = 32)
        @Nullable
            Map<
                @Size(min = 1, max = Syntax.QUALIFIED_NAME_LENGTH) @Pattern(Syntax.QUALIFIED_NAME)
                String,
                @Size(max = 63) @Pattern(Syntax.LABEL_VALUE) String>
            labels,
    @JsonPropertyDescription("Annotations of the pod, besides those that the operator sets.")
        @Size(max = 32)
        @Nullable
            Map<
                @Size(min = 1, max = Syntax.QUALIFIED_NAME_LENGTH) @Pattern(Syntax.QUALIFIED_NAME)
                String,
                @Size(max = 4096) String>
            annotations) {
  /** Copies lists and maps; maps are sorted by key. */
  public PodSettings {
    nodeSelector = Copies.sorted(nodeSelector);
    tolerations = tolerations == null ? null : List.copyOf(tolerations);
    affinity = Copies.sorted(affinity);
    imagePullSecrets = imagePullSecrets == null ? null : List.copyOf(imagePullSecrets);
    env = env == null ? null : List.copyOf(env);
    labels = Copies.sorted(labels);
    annotations = Copies.sorted(annotations);
  }
}
