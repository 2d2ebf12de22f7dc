package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;

/** A key of a ConfigMap in the namespace of the job. */
public record ConfigMapKeyReference(
    @JsonPropertyDescription("Name of a ConfigMap in the namespace of the job.")
        @Required
        @Size(min = 1, max = 253)
        @Pattern(Syntax.OBJECT_NAME)
        String name,
    @JsonPropertyDescription("Key of the ConfigMap. Default ca.crt.")
        @Default("ca.crt")
        @Size(min = 1, max = 253)
        @Pattern(Syntax.DATA_KEY)
        String key) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public ConfigMapKeyReference {
    key = key == null ? "ca.crt" : key;
  }
}
