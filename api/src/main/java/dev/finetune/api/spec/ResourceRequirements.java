package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Size;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** CPU, memory and accelerators of the trainer pod. */
public record ResourceRequirements(
    @JsonPropertyDescription(
            "The most that the trainer may use, by resource name, for example nvidia.com/gpu.")
        @Size(max = 32)
        @Nullable
            Map<
                @Size(min = 1, max = Syntax.QUALIFIED_NAME_LENGTH) @Pattern(Syntax.QUALIFIED_NAME)
                String,
                Quantity>
            limits,
    @JsonPropertyDescription(
            "What the trainer is guaranteed, by resource name. Default: the limits.")
        @Size(max = 32)
        @Nullable
            Map<
                @Size(min = 1, max = Syntax.QUALIFIED_NAME_LENGTH) @Pattern(Syntax.QUALIFIED_NAME)
                String,
                Quantity>
            requests) {
  /** Copies the maps, sorted by key. */
  public ResourceRequirements {
    limits = Copies.sorted(limits);
    requests = Copies.sorted(requests);
  }
}
