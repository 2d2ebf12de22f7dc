package dev.finetune.trainer.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.adapter.RequestedAdapter;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.storage.ObjectKey;
import dev.finetune.trainer.storage.ObjectStores;
import dev.finetune.trainer.storage.S3Location;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The job of a user and the places that it names. */
final class JobTargets {
  private static final String JOB =
      """
      apiVersion: finetune.dev/v1alpha1
      kind: FineTuneJob
      metadata:
        name: full
        namespace: team-a
        uid: 0a0b
        labels: {kueue.x-k8s.io/queue-name: gpu, a: "yes"}
        annotations: {note: "2e-4"}
      spec:
        model: {uri: s3://m/base, revision: "1e3"}
        dataset: {train: "file:/data/with space.jsonl", evalFraction: 0.05, format: text}
        adapter: {rank: 8, targetModules: [q_proj, "model.layers.[0-3].*"], dropout: 5e-2}
        quantization: {doubleQuantization: on}
        training: {epochs: 2, learningRate: 2e-4, schedule: cosine, seed: 9007199254740991}
        storage: {uri: s3://finetune/runs, secretRef: {name: s}, pathStyle: true}
        resources: {limits: {nvidia.com/gpu: 1, memory: 16Gi, cpu: "0.5"}}
        pod:
          tolerations: [{key: nvidia.com/gpu, operator: Exists}]
          affinity: {nodeAffinity: {weights: [1, 2.5, true, text]}}
          env: [{name: A, value: "null"}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]
      """;
  private static final String JSON_JOB =
      """
      {"apiVersion": "finetune.dev/v1alpha1", "kind": "FineTuneJob", "metadata": {"name": "j"},
       "spec": {"model": {"uri": "s3://m/base"}, "dataset": {"train": "s3://d/t.jsonl", "format": "alpaca"},
        "adapter": {"rank": 8, "alpha": 16, "targetModules": [".*[qk]_proj"], "excludeModules": ["k_proj"],
                    "rankPattern": {"q_proj": 4}, "alphaPattern": {".*q_proj": 4}},
        "training": {"maxSteps": 10, "learningRate": 0.001, "optimizerOptions": {"beta1": 0.9}},
        "storage": {"uri": "s3://b/p"}, "pod": {"env": [{"name": "A", "value": "b"}]},
        "checkpoint": {"everySteps": 10}, "cache": {"emptyDir": {"sizeLimit": "1Gi"}},
        "resources": {"limits": {"memory": "4Gi"}}}}
      """;

  private JobTargets() {}

  static List<FuzzTarget> all() {
    return List.of(
        new FuzzTarget(
            "job-yaml",
            () -> List.of(ModelTargets.utf8(JOB)),
            Mutations::bytes,
            JobTargets::readJob,
            List.of()),
        new FuzzTarget(
            "job-json",
            () -> List.of(ModelTargets.utf8(JSON_JOB)),
            Mutations::json,
            JobTargets::readJob,
            List.of()),
        new FuzzTarget(
            "uri",
            () ->
                List.of(
                    ModelTargets.utf8("s3://bucket/a/b"),
                    ModelTargets.utf8("pvc://claim/a.json"),
                    ModelTargets.utf8("file:///data/a b.jsonl")),
            Mutations::bytes,
            JobTargets::readUri,
            List.of("spec.")));
  }

  private static void readJob(byte[] input, Path folder) {
    FineTuneJobFile job = FineTuneJobFile.parse(input);
    String folderOfRun =
        StorageLayout.runFolder(job.namespace(), job.name(), SpecHash.of(job.spec()));
    ObjectKey.checkFolder(folderOfRun);
    // What the operator freezes is what the trainer reads.
    String yaml = job.toYaml();
    assertThat(FineTuneJobFile.parse(yaml)).isEqualTo(job);
    assertThat(FineTuneJobFile.parse(yaml).toYaml()).isEqualTo(yaml);
    new RequestedAdapter(job.spec().adapter(), ModelTargets.modules()).settings(null);
  }

  private static void readUri(byte[] input, Path folder) throws IOException {
    String uri = new String(input, StandardCharsets.UTF_8);
    readAsLocation(uri);
    Path claims = Files.createDirectory(folder.resolve("claims"));
    Files.writeString(folder.resolve("outside.json"), "{}");
    Files.writeString(Files.createDirectory(claims.resolve("claim")).resolve("a.json"), "{}");
    StorageSettings settings = StorageSettings.at(URI.create("http://127.0.0.1:9"), "a", "b");
    Sources sources =
        new Sources(
            folder.resolve("cache"),
            Map.of(Sources.PVC_ROOT_VARIABLE, claims.toString()),
            notice -> {});
    if (uri.startsWith("pvc://")) {
      assertThat(sources.fetch("spec.model.uri", uri, settings).path().toRealPath())
          .startsWith(claims);
    } else if (uri.startsWith("file:")) {
      ObjectStores.filePath("spec.model.uri", uri);
    } else if (!uri.startsWith("s3://")) {
      sources.fetch("spec.model.uri", uri, settings);
    }
  }

  /** A key that passes stays below any folder. */
  private static void readAsLocation(String uri) {
    try {
      S3Location location = S3Location.parse("spec.storage.uri", uri);
      if (!location.key().isEmpty()) {
        Path root = Path.of("/bucket");
        assertThat(root.resolve(location.key()).normalize()).startsWithRaw(root).isNotEqualTo(root);
      }
    } catch (TrainingFailure e) {
      assertThat(e).hasMessageStartingWith("spec.storage.uri: ");
    }
  }
}
