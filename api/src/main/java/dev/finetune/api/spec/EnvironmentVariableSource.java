package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Where the value of an environment variable comes from. */
@ValidationRule(
    value = "has(self.secretKeyRef) != has(self.configMapKeyRef)",
    message = EitherOr.KEY_REFERENCE)
public record EnvironmentVariableSource(
    @JsonPropertyDescription("A key of a Secret. Not together with configMapKeyRef.")
        @Nullable KeyReference secretKeyRef,
    @JsonPropertyDescription("A key of a ConfigMap. Not together with secretKeyRef.")
        @Nullable KeyReference configMapKeyRef) {}
