package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** A key of a Secret or ConfigMap in the namespace of the job. */
public record KeyReference(
    @JsonPropertyDescription("Name of the object.")
        @Required
        @Size(min = 1, max = 253)
        @Pattern(Syntax.OBJECT_NAME)
        String name,
    @JsonPropertyDescription("Key within the object.")
        @Required
        @Size(min = 1, max = 253)
        @Pattern(Syntax.DATA_KEY)
        String key,
    @JsonPropertyDescription("Whether the object or key may be missing. Default false.")
        @Nullable Boolean optional) {}
