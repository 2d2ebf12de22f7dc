package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A further source of training rows. */
public record DataSource(
    @JsonPropertyDescription("File or files of rows, as dataset.train.")
        @Required
        @Size(min = 1, max = 1024)
        @ValidationRule(value = "self.matches('" + Source.REGEX + "')", message = Source.MESSAGE)
        String uri,
    @JsonPropertyDescription(
            "How many times an epoch sees its rows, above 0 and at most 100: 0.5 is another half of them each epoch. Default 1.")
        @Min(value = 0, inclusive = false)
        @Max(100)
        @Default("1")
        Double weight,
    @JsonPropertyDescription("How its rows are read. Default: as those of dataset.train.")
        @Nullable DatasetFormat format,
    @JsonPropertyDescription("Names of its columns, as dataset.columns. Default: the same.")
        @Size(max = 16)
        @Nullable Map<@Size(min = 1, max = 64) String, @Size(min = 1, max = 256) String> columns) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public DataSource {
    weight = weight == null ? 1.0 : weight;
    columns = Copies.sorted(columns);
  }
}
