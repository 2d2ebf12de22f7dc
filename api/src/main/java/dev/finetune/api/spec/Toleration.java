package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** A taint that the trainer pod accepts. */
@ValidationRule(
    value =
        "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
    message = EitherOr.WITHOUT_KEY,
    fieldPath = ".operator")
@ValidationRule(
    value =
        "!has(self.value) || self.value == '' || !has(self.operator) || self.operator != 'Exists'",
    message = EitherOr.WITH_EXISTS,
    fieldPath = ".value")
@ValidationRule(
    value = "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
    message = EitherOr.SECONDS,
    fieldPath = ".tolerationSeconds")
public record Toleration(
    @JsonPropertyDescription("Key of the taint. Absent, with operator Exists: every taint.")
        @Size(max = Syntax.QUALIFIED_NAME_LENGTH)
        @Nullable String key,
    @JsonPropertyDescription("Exists or Equal. Default Equal.")
        @Size(max = 16)
        @Pattern("^(Exists|Equal)$")
        @Nullable String operator,
    @JsonPropertyDescription("Value of the taint, for operator Equal.")
        @Size(max = 63)
        @Pattern(Syntax.LABEL_VALUE)
        @Nullable String value,
    @JsonPropertyDescription("NoSchedule, PreferNoSchedule or NoExecute. Absent: every effect.")
        @Size(max = 32)
        @Pattern("^(NoSchedule|PreferNoSchedule|NoExecute)$")
        @Nullable String effect,
    @JsonPropertyDescription("Seconds that a NoExecute taint is tolerated. Absent: for ever.")
        @Min(0)
        @Max(2147483647)
        @Nullable Long tolerationSeconds) {}
