package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** An environment variable of the trainer. */
@ValidationRule(
    value = "!(has(self.value) && has(self.valueFrom))",
    message = EitherOr.VALUE,
    fieldPath = ".valueFrom")
public record EnvironmentVariable(
    @JsonPropertyDescription("Name of the variable.")
        @Required
        @Size(min = 1, max = 256)
        @Pattern(Syntax.ENV_NAME)
        String name,
    @JsonPropertyDescription("Value of the variable.") @Size(max = 4096) @Nullable String value,
    @JsonPropertyDescription("Where the value comes from. Not together with value.")
        @Nullable EnvironmentVariableSource valueFrom) {}
