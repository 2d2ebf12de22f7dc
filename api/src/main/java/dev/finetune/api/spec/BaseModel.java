package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** The frozen base model. */
public record BaseModel(
    @JsonPropertyDescription(
            "Where the model lies: a folder in the Hugging Face layout or a .gguf file. file:, s3:, hf://OWNER/NAME or, in a cluster, pvc://claim/path.")
        @Required
        @Size(min = 1, max = 1024)
        @ValidationRule(value = "self.matches('" + Source.REGEX + "')", message = Source.MESSAGE)
        String uri,
    @JsonPropertyDescription("Revision of the model, recorded in the run and in the adapter.")
        @Size(min = 1, max = 200)
        @Nullable String revision,
    @JsonPropertyDescription(
            "Secret to read the model with: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or HF_TOKEN. Default: the one of the storage.")
        @Nullable SecretReference secretRef) {}
