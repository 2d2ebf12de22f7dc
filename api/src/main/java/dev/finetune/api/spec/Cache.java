package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Where the trainer keeps downloaded model and data, and weights that it has quantized. */
@ValidationRule(value = "has(self.claimName) != has(self.emptyDir)", message = EitherOr.CACHE)
public record Cache(
    @JsonPropertyDescription(
            "PersistentVolumeClaim in the namespace of the job. It outlives the pod and may be shared by many jobs.")
        @Size(min = 1, max = 253)
        @Pattern(Syntax.OBJECT_NAME)
        @Nullable String claimName,
    @JsonPropertyDescription("A folder on the node that lives as long as the pod.")
        @Nullable EmptyDirectory emptyDir) {
  /** A folder that lives as long as the pod. */
  public record EmptyDirectory(
      @JsonPropertyDescription("The most that it may hold. Default: the operator's setting.")
          @Nullable Quantity sizeLimit) {}
}
