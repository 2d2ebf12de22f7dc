package dev.finetune.local;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.FineTuneJobSpec;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;

/** Writes what a trainer writes, learns nothing: claims, checkpoints, resumes and delivers. */
public final class FakeTrainer {
  private static final int EVERY_STEPS = 2;
  private static final long STEP_MILLIS = 300;

  private final S3Client s3;
  private final String bucket;
  private final String folder;
  private final String specHash;
  private final int steps;

  private FakeTrainer(JsonNode job) throws IOException {
    FineTuneJobSpec spec =
        RunJson.read(
            job.path("spec").toString().getBytes(StandardCharsets.UTF_8), FineTuneJobSpec.class);
    URI uri = URI.create(spec.storage().uri());
    specHash = SpecHash.of(spec);
    bucket = uri.getHost();
    folder =
        uri.getPath().substring(1)
            + "/"
            + StorageLayout.runFolder(
                System.getenv("FINETUNE_NAMESPACE"),
                job.path("metadata").path("name").asText(),
                specHash);
    steps = spec.training().maxSteps();
    s3 =
        S3Client.builder()
            .endpointOverride(URI.create(System.getenv("AWS_ENDPOINT_URL")))
            .forcePathStyle(true)
            .region(Region.US_EAST_1)
            .httpClient(ApacheHttpClient.create())
            .build();
  }

  /** {@code run --job FILE} or {@code generate --model FILE --prompt TEXT [--adapter FOLDER]}. */
  public static void main(String[] arguments) throws Exception {
    List<String> words = List.of(arguments);
    if (words.getFirst().equals("generate")) {
      int adapter = words.indexOf("--adapter");
      System.out.println(
          adapter < 0
              ? "plain answer"
              : "answer of " + Files.readString(Path.of(words.get(adapter + 1), "weights")));
      return;
    }
    Path file = Path.of(words.get(words.indexOf("--job") + 1));
    new FakeTrainer(new YAMLMapper().readTree(Files.readAllBytes(file))).run();
  }

  private void run() throws Exception {
    Head last = read();
    int attempt = last.attempt() + 1;
    int from = last.latest() == null ? 0 : last.latest();
    List<CheckpointEntry> checkpoints = new ArrayList<>(last.checkpoints());
    write(StorageLayout.HEAD, SealedJson.write(head(attempt, checkpoints, null)));
    for (int step = from + 1; step <= steps; step++) {
      Thread.sleep(STEP_MILLIS);
      if (step % EVERY_STEPS == 0) {
        checkpoints.add(
            new CheckpointEntry(
                step,
                attempt,
                StorageLayout.checkpointFolder(attempt, step),
                "0".repeat(64),
                1,
                Instant.now(),
                null));
        write(StorageLayout.HEAD, SealedJson.write(head(attempt, checkpoints, null)));
      }
      report(attempt, Progress.State.TRAINING, step, step - step % EVERY_STEPS, from);
      if (attempt == 1 && step == steps - 1) {
        // The first attempt is there to be killed, however slow the machine is.
        Thread.sleep(120_000);
      }
    }
    Delivery delivery =
        new Delivery(
            attempt,
            StorageLayout.adapterFolder(attempt),
            adapter(StorageLayout.adapterFolder(attempt)),
            steps,
            1.0,
            2.5,
            1.5,
            Instant.now());
    report(attempt, Progress.State.DONE, steps, steps, from);
    write(StorageLayout.HEAD, SealedJson.write(head(attempt, checkpoints, delivery)));
  }

  /** Writes the adapter; returns the SHA-256 of its manifest. */
  private String adapter(String name) throws NoSuchAlgorithmException {
    byte[] weights = ("step " + steps).getBytes(StandardCharsets.UTF_8);
    byte[] manifest =
        RunJson.write(
            Map.of(
                "files",
                Map.of("weights", Map.of("bytes", weights.length, "sha256", sha256(weights)))));
    write(StorageLayout.RUN, SealedJson.write(Map.of("specHash", specHash)));
    write(name + "weights", weights);
    write(name + StorageLayout.MANIFEST, manifest);
    return sha256(manifest);
  }

  private static String sha256(byte[] bytes) throws NoSuchAlgorithmException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private static Head head(int attempt, List<CheckpointEntry> checkpoints, Delivery delivery) {
    return new Head(
        attempt,
        System.getenv("FINETUNE_OWNER"),
        Instant.now(),
        UUID.randomUUID().toString(),
        checkpoints,
        checkpoints.isEmpty() ? null : checkpoints.getLast().step(),
        null,
        delivery);
  }

  private void report(int attempt, Progress.State state, int step, int checkpoint, int from) {
    write(
        StorageLayout.progress(attempt),
        new Progress(
            attempt,
            state,
            step,
            steps,
            2.0,
            null,
            100.0,
            null,
            null,
            null,
            checkpoint,
            from,
            null,
            Instant.now()));
  }

  private Head read() throws IOException {
    try {
      return RunJson.read(
          s3.getObjectAsBytes(get -> get.bucket(bucket).key(folder + StorageLayout.HEAD))
              .asByteArray(),
          Head.class);
    } catch (NoSuchKeyException _) {
      return new Head(0, "", Instant.now(), "", List.of(), null, null, null);
    }
  }

  private void write(String name, Object document) {
    write(name, RunJson.write(document));
  }

  private void write(String name, byte[] bytes) {
    s3.putObject(put -> put.bucket(bucket).key(folder + name), RequestBody.fromBytes(bytes));
  }
}
