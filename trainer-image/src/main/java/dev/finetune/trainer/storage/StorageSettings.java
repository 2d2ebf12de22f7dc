package dev.finetune.trainer.storage;

import dev.finetune.api.spec.Storage;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How S3 is reached. Only {@code retry} matters for {@code file:}.
 *
 * @param endpoint URL of the service; absent: that of AWS
 * @param region region to sign for
 * @param pathStyle whether the bucket stands in the path of the URL
 * @param caBundle PEM file of certificates to trust besides those of the Java runtime
 * @param credentials keys; absent: what the AWS SDK finds (environment, profile, identity of the
 *     pod or machine), read again whenever it is refused
 * @param silence time without progress after which a request is given up: an answer that does not
 *     come, or a transfer of which less than 64 KiB moved
 * @param retry when a failed request is made again, and when storage counts as unreachable
 */
public record StorageSettings(
    @Nullable URI endpoint,
    String region,
    boolean pathStyle,
    @Nullable Path caBundle,
    @Nullable Credentials credentials,
    Duration silence,
    Retry retry) {
  /** Variable with the time without progress after which a request is given up. */
  public static final String TIMEOUT_VARIABLE = "FINETUNE_STORAGE_TIMEOUT";

  private static final Duration SILENCE = Duration.ofSeconds(30);

  /** Variable with the path of the PEM file, as other tools for AWS name it. */
  public static final String CA_BUNDLE_VARIABLE = "AWS_CA_BUNDLE";

  /** Variable with the endpoint where the job names none, as other tools for AWS name it. */
  public static final String ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL";

  /** Makes settings with the standard times. */
  public StorageSettings(
      @Nullable URI endpoint,
      String region,
      boolean pathStyle,
      @Nullable Path caBundle,
      @Nullable Credentials credentials) {
    this(endpoint, region, pathStyle, caBundle, credentials, SILENCE, Retry.standard());
  }

  /**
   * An access key and its secret.
   *
   * @param accessKey names the key
   * @param secretKey signs; never printed
   */
  public record Credentials(String accessKey, String secretKey) {
    /** Leaves the secret out. */
    @Override
    public String toString() {
      return "Credentials[accessKey=" + accessKey + "]";
    }
  }

  /**
   * Returns the settings of a job, whose Secret and ConfigMap have become variables and a file.
   *
   * @param storage {@code spec.storage} of the job
   * @param environment variables of the process
   * @throws dev.finetune.trainer.failure.InvalidConfiguration if a time in it cannot be
   */
  public static StorageSettings of(Storage storage, Map<String, String> environment) {
    String endpoint =
        storage.endpoint() == null ? environment.get(ENDPOINT_VARIABLE) : storage.endpoint();
    String caBundle = environment.get(CA_BUNDLE_VARIABLE);
    boolean pathStyle = storage.pathStyle() == null ? endpoint != null : storage.usesPathStyle();
    return new StorageSettings(
        endpoint == null || endpoint.isBlank() ? null : URI.create(endpoint),
        storage.region(),
        pathStyle,
        caBundle == null || caBundle.isBlank() ? null : Path.of(caBundle),
        null,
        Durations.read(
            environment,
            TIMEOUT_VARIABLE,
            SILENCE,
            new Durations.Range(Duration.ofMillis(100), Duration.ofHours(1))),
        Retry.of(environment));
  }

  /** Returns settings for a service at a URL, with path style and keys. */
  public static StorageSettings at(URI endpoint, String accessKey, String secretKey) {
    return new StorageSettings(
        endpoint, "us-east-1", true, null, new Credentials(accessKey, secretKey));
  }

  /** Returns these settings with other keys. */
  public StorageSettings with(Credentials other) {
    return new StorageSettings(endpoint, region, pathStyle, caBundle, other, silence, retry);
  }

  /** Returns these settings with another time without progress and another rule for retries. */
  public StorageSettings with(Duration silence, Retry retry) {
    return new StorageSettings(endpoint, region, pathStyle, caBundle, credentials, silence, retry);
  }
}
