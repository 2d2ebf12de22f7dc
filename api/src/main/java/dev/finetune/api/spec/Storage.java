package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Where checkpoints, progress and the adapter go. */
public record Storage(
    @JsonPropertyDescription("Root of the run folders: s3://bucket/prefix, or file: on a laptop.")
        @Required
        @Size(min = 1, max = 1024)
        @ValidationRule(
            value = "self.matches('" + Source.RUNS_REGEX + "')",
            message = Source.RUNS_MESSAGE)
        String uri,
    @JsonPropertyDescription("URL of the S3 service. Default: that of AWS.")
        @Size(min = 1, max = 512)
        @ValidationRule(
            value = "self.matches('" + Source.ENDPOINT_REGEX + "')",
            message = Source.ENDPOINT_MESSAGE)
        @Nullable String endpoint,
    @JsonPropertyDescription("Region of the S3 service. Default us-east-1.")
        @Size(min = 1, max = 64)
        @Pattern("^[-a-zA-Z0-9]+$")
        @Default("us-east-1")
        String region,
    @JsonPropertyDescription(
            "Whether the bucket stands in the path of the URL and not in the host. Default true with an endpoint, else false.")
        @Nullable Boolean pathStyle,
    @JsonPropertyDescription(
            "ConfigMap with the PEM certificates to trust when calling the endpoint.")
        @Nullable ConfigMapKeyReference caBundleRef,
    @JsonPropertyDescription(
            "Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Default: the identity of the pod.")
        @Nullable SecretReference secretRef) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Storage {
    region = region == null ? "us-east-1" : region;
  }

  /**
   * Returns whether the bucket stands in the path: as written, else true if there is an endpoint.
   */
  public boolean usesPathStyle() {
    return pathStyle == null ? endpoint != null : pathStyle;
  }
}
