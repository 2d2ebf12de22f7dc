package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.PreserveUnknownFields;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What of the trainer pod a user may set. */
public record PodSettings(
    @JsonPropertyDescription("Service account of the pod. Its token is not mounted.")
        @Size(max = 253)
        @Nullable String serviceAccountName,
    @JsonPropertyDescription("Labels that the node must have.") @Size(max = 32)
        @Nullable Map<String, String> nodeSelector,
    @JsonPropertyDescription("Taints that the pod accepts.") @Size(max = 32)
        @Nullable List<Toleration> tolerations,
    @JsonPropertyDescription("Affinity of the pod, as in core/v1.")
        @PreserveUnknownFields
        @ValidationRule(value = "self == oldSelf", message = "affinity is immutable")
        @Nullable Map<String, Object> affinity,
    @JsonPropertyDescription("Secrets to pull the trainer image with.") @Size(max = 16)
        @Nullable List<SecretReference> imagePullSecrets,
    @JsonPropertyDescription(
            "Priority class of the pod. May be changed; it holds from the next attempt on.")
        @Size(max = 253)
        @Nullable String priorityClassName,
    @JsonPropertyDescription("Runtime class of the pod, for example nvidia.") @Size(max = 253)
        @Nullable String runtimeClassName,
    @JsonPropertyDescription(
            "Environment variables of the trainer, besides those that the operator sets.")
        @Size(max = 64)
        @Nullable List<EnvironmentVariable> env,
    @JsonPropertyDescription("Labels of the pod, besides those that the operator sets.")
        @Size(max = 32)
        @Nullable Map<String, String> labels,
    @JsonPropertyDescription("Annotations of the pod.") @Size(max = 32)
        @Nullable Map<String, String> annotations) {}
