package dev.finetune.operator.progress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.embedded.apiserver.EmbeddedApiServer;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.progress.RunReading.Access;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;

class S3RunReaderTest {
  private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");

  @TempDir private Path folder;
  private EmbeddedApiServer server;
  private EmbeddedObjectStore store;
  private KubernetesClient client;
  private FineTuneJob job;

  @BeforeEach
  void start() throws IOException {
    server = EmbeddedApiServer.start(0);
    store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder));
    store.createBucket("finetune");
    client = server.client();
    client
        .resource(new NamespaceBuilder().withNewMetadata().withName("team").endMetadata().build())
        .create();
    secret(store.accessKey(), store.secretKey());
    job = FineTuneJobs.with(false, null, store.endpoint().toString());
  }

  @AfterEach
  void stop() {
    client.close();
    store.close();
    server.close();
  }

  private void secret(String id, String key) {
    client
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName("finetune-storage")
                .withNamespace("team")
                .endMetadata()
                .addToData("AWS_ACCESS_KEY_ID", base64(id))
                .addToData("AWS_SECRET_ACCESS_KEY", base64(key))
                .build())
        .createOr(existing -> existing.update());
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  private void put(String name, byte[] bytes) {
    try (S3Client s3 =
        S3Client.builder()
            .endpointOverride(store.endpoint())
            .region(Region.US_EAST_1)
            .forcePathStyle(true)
            .credentialsProvider(
                StaticCredentialsProvider.create(
                    AwsBasicCredentials.create(store.accessKey(), store.secretKey())))
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .httpClientBuilder(ApacheHttpClient.builder())
            .build()) {
      String folder = StorageLayout.runFolder("team", "alpaca", SpecHash.of(job.getSpec()));
      s3.putObject(
          put -> put.bucket("finetune").key("runs/" + folder + name), RequestBody.fromBytes(bytes));
    }
  }

  private void putRun(int attempt, int step) {
    put(
        StorageLayout.HEAD,
        SealedJson.write(new Head(attempt, "o", NOW, "w", List.of(), null, null, null)));
    put(StorageLayout.progress(attempt), RunJson.write(StoredRun.progress(attempt, step, NOW)));
  }

  private S3RunReader reader(Map<String, String> changes) {
    Map<String, String> settings = new HashMap<>(Map.of("storage.allow-loopback", "true"));
    settings.putAll(changes);
    return new S3RunReader(client, Settings.with(settings).storage(), Clock.systemUTC());
  }

  private RunReading read(Map<String, String> changes) {
    try (S3RunReader reader = reader(changes)) {
      return reader.read(job, Duration.ZERO);
    }
  }

  @Test
  void findsNoRunBeforeItBegins() {
    assertThat(read(Map.of())).isEqualTo(RunReading.of(null, null));
  }

  @Test
  void readsTheHeadAndTheProgressOfItsAttempt() {
    putRun(1, 499);
    putRun(2, 120);
    RunReading reading = read(Map.of());
    assertThat(reading.access()).isEqualTo(Access.READ);
    assertThat(reading.head().attempt()).isEqualTo(2);
    assertThat(reading.progress().step()).isEqualTo(120);
  }

  @Test
  void seesWhatChangedAndKeepsWhatDidNot() {
    try (S3RunReader reader = reader(Map.of())) {
      putRun(1, 10);
      RunReading first = reader.read(job, Duration.ZERO);
      assertThat(reader.read(job, Duration.ZERO)).isEqualTo(first);
      assertThat(reader.read(job, Duration.ZERO).head()).isSameAs(first.head());
      putRun(1, 20);
      assertThat(reader.read(job, Duration.ofHours(1)).progress().step()).isEqualTo(10);
      assertThat(reader.read(job, Duration.ZERO).progress().step()).isEqualTo(20);
    }
  }

  @Test
  void remembersTheRunWhileTheStorageDoesNotAnswer() throws IOException {
    putRun(1, 10);
    try (S3RunReader reader = reader(Map.of())) {
      assertThat(reader.read(job, Duration.ZERO).access()).isEqualTo(Access.READ);
      store.close();
      RunReading reading = reader.read(job, Duration.ZERO);
      assertThat(reading.access()).isEqualTo(Access.UNREACHABLE);
      assertThat(reading.message()).isNotBlank();
      assertThat(reading.head().attempt()).isEqualTo(1);
    } finally {
      store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder));
    }
  }

  @Test
  void saysThatItsKeysAreRefusedWithoutNamingThem() {
    secret("AKIAWRONG", "verysecretkey");
    RunReading reading = read(Map.of());
    assertThat(reading.access()).isEqualTo(Access.UNREACHABLE);
    assertThat(reading.message()).contains("403").doesNotContain("verysecretkey");
  }

  @Test
  void saysThatTheSecretIsNotThere() {
    client.secrets().inNamespace("team").withName("finetune-storage").delete();
    RunReading reading = read(Map.of());
    assertThat(reading.access()).isEqualTo(Access.NOT_READABLE);
    assertThat(reading.message())
        .isEqualTo("spec.storage.secretRef: there is no Secret team/finetune-storage");
  }

  @Test
  void readsNothingAboveTheSizeLimit() {
    put(StorageLayout.HEAD, new byte[2000]);
    RunReading reading = read(Map.of("storage.maximum-object-bytes", "1000"));
    assertThat(reading.access()).isEqualTo(Access.BROKEN);
    assertThat(reading.message()).isEqualTo("head.json: must have at most 1000 bytes, has more");
  }

  @Test
  void takesNoNonsenseForAHead() {
    put(StorageLayout.HEAD, "null".getBytes(StandardCharsets.UTF_8));
    assertThat(read(Map.of()).access()).isEqualTo(Access.BROKEN);
    put(StorageLayout.HEAD, "{\"attempt\": -1}".getBytes(StandardCharsets.UTF_8));
    assertThat(read(Map.of()).message()).contains("head.json: lacks its sha256");
    put(StorageLayout.HEAD, "<html>".getBytes(StandardCharsets.UTF_8));
    assertThat(read(Map.of()).access()).isEqualTo(Access.BROKEN);
  }

  @Test
  void doesNotCallThisMachineUnlessAllowed() {
    putRun(1, 10);
    RunReading reading = read(Map.of("storage.allow-loopback", "false"));
    assertThat(reading.head()).isNull();
    assertThat(reading.message()).contains("must not be a link-local, loopback");
  }

  @Test
  void callsOnlyAllowedEndpoints() {
    putRun(1, 10);
    RunReading reading = read(Map.of("storage.allowed-endpoints", "https://other.example"));
    assertThat(reading.access()).isEqualTo(Access.NOT_READABLE);
    assertThat(reading.message()).contains("must be one of [https://other.example]");
  }

  @Test
  void callsTheOverrideInsteadOfTheEndpointOfTheJob() {
    putRun(1, 10);
    job = FineTuneJobs.with(false, null, "http://minio.storage:9000");
    assertThat(read(Map.of("storage.endpoint-override", store.endpoint().toString())).access())
        .isEqualTo(Access.READ);
  }
}
