package dev.finetune.operator.progress;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.DeletionPolicy;
import dev.finetune.api.spec.SecretReference;
import dev.finetune.api.spec.Storage;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;

/** A run in an object store, as a trainer leaves it, and what a test does to it. */
public final class StoredRun implements AutoCloseable {
  /** The bucket that the store must have. */
  public static final String BUCKET = "finetune";

  /** When everything in it happened. */
  public static final Instant TIME = Instant.parse("2026-03-01T12:00:00Z");

  private final FineTuneJob job;
  private final S3Client s3;
  private final String folder;

  /** Opens the folder of a run of its own; the caller closes it. */
  public StoredRun(EmbeddedObjectStore store, String name, DeletionPolicy policy) {
    Storage storage =
        new Storage(
            "s3://" + BUCKET + "/runs",
            store.endpoint().toString(),
            null,
            null,
            null,
            new SecretReference("finetune-storage"));
    job = FineTuneJobs.with(storage, policy);
    job.getMetadata().setName(name);
    folder = "runs/" + StorageLayout.runFolder("team", name, SpecHash.of(job.getSpec()));
    s3 =
        S3Client.builder()
            .endpointOverride(store.endpoint())
            .region(Region.US_EAST_1)
            .forcePathStyle(true)
            .credentialsProvider(
                StaticCredentialsProvider.create(
                    AwsBasicCredentials.create(store.accessKey(), store.secretKey())))
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .httpClientBuilder(ApacheHttpClient.builder())
            .build();
  }

  /** Returns the Secret that the job names. */
  public static Secret secret(EmbeddedObjectStore store) {
    return new SecretBuilder()
        .withNewMetadata()
        .withName("finetune-storage")
        .withNamespace("team")
        .endMetadata()
        .addToStringData("AWS_ACCESS_KEY_ID", store.accessKey())
        .addToStringData("AWS_SECRET_ACCESS_KEY", store.secretKey())
        .build();
  }

  /** Returns the job of this run. */
  public FineTuneJob job() {
    return job;
  }

  S3Client s3() {
    return s3;
  }

  String folder() {
    return folder;
  }

  /** Writes an object of the run. */
  public void put(String name, byte[] bytes) {
    s3.putObject(put -> put.bucket(BUCKET).key(folder + name), RequestBody.fromBytes(bytes));
  }

  /** Writes a document of the run. */
  public void put(String name, Object document) {
    put(name, RunJson.write(document));
  }

  /** Writes a document of the run that carries its own hash. */
  public void putSealed(String name, Object document) {
    put(name, SealedJson.write(document));
  }

  /** Reads an object of the run. */
  public byte[] get(String name) {
    return s3.getObjectAsBytes(get -> get.bucket(BUCKET).key(folder + name)).asByteArray();
  }

  /** Reads the head of the run. */
  public Head head() {
    try {
      return SealedJson.read(get(StorageLayout.HEAD), Head.class);
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Deletes an object of the run. */
  public void delete(String name) {
    s3.deleteObject(delete -> delete.bucket(BUCKET).key(folder + name));
  }

  /** Returns the names of the objects of the run. */
  public List<String> names() {
    return s3.listObjectsV2Paginator(list -> list.bucket(BUCKET).prefix(folder)).contents().stream()
        .map(S3Object::key)
        .map(key -> key.substring(folder.length()))
        .toList();
  }

  /** Writes a run that its second attempt trains, with checkpoints at steps 10, 20 and 30. */
  public Head training(String owner) {
    List<CheckpointEntry> checkpoints = new ArrayList<>();
    for (int step : List.of(10, 20, 30)) {
      int attempt = step == 10 ? 1 : 2;
      String name = StorageLayout.checkpointFolder(attempt, step);
      String manifest = putFolder(name, "adapter.safetensors", "optimizer.safetensors");
      checkpoints.add(new CheckpointEntry(step, attempt, name, manifest, 12, TIME, null));
    }
    putSealed(StorageLayout.RUN, Map.of("specHash", SpecHash.of(job.getSpec()), "threads", 2));
    put(StorageLayout.metrics(1, 10), "{}\n".getBytes(StandardCharsets.UTF_8));
    put(StorageLayout.progress(1), progress(1, 12, TIME.minusSeconds(60)));
    put(StorageLayout.progress(2), progress(2, 33, TIME));
    Head head = new Head(2, owner, TIME, "w", checkpoints, 30, 20, null);
    putSealed(StorageLayout.HEAD, head);
    return head;
  }

  /** Writes a run whose second attempt has delivered the adapter. */
  public Head delivered(String owner) {
    Head training = training(owner);
    String name = StorageLayout.adapterFolder(2);
    String manifest = putFolder(name, "adapter_config.json", "adapter_model.safetensors");
    Head head =
        new Head(
            2,
            owner,
            TIME,
            "w",
            training.checkpoints(),
            30,
            20,
            new Delivery(2, name, manifest, 30, 1.25, null, null, TIME));
    putSealed(StorageLayout.HEAD, head);
    return head;
  }

  /** Returns a report of an attempt. */
  public static Progress progress(int attempt, int step, Instant updated) {
    return new Progress(
        attempt,
        Progress.State.TRAINING,
        step,
        500,
        1.5,
        null,
        null,
        null,
        null,
        null,
        null,
        0,
        null,
        updated);
  }

  private String putFolder(String name, String... files) {
    Map<String, Map<String, Object>> entries = new TreeMap<>();
    for (String file : files) {
      byte[] bytes = ("of " + name).getBytes(StandardCharsets.UTF_8);
      put(name + file, bytes);
      entries.put(file, Map.of("bytes", bytes.length, "sha256", sha256(bytes)));
    }
    byte[] manifest = RunJson.write(Map.of("files", entries));
    put(name + StorageLayout.MANIFEST, manifest);
    return sha256(manifest);
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    s3.close();
  }
}
