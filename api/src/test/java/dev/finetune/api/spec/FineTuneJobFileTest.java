package dev.finetune.api.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FineTuneJobFileTest {
  private static final String FULL =
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

  @Test
  void readsWhatAUserWrites() {
    FineTuneJobFile job = FineTuneJobFile.parse(FULL);

    assertThat(job.name()).isEqualTo("full");
    assertThat(job.namespace()).isEqualTo("team-a");
    assertThat(job.labels()).containsEntry("a", "yes");
    assertThat(job.spec().training().learningRate()).isEqualTo(2e-4);
    assertThat(job.spec().quantization())
        .isEqualTo(new Quantization(QuantizationType.NF4, 64, true));
    assertThat(job.spec().resources().limits())
        .isEqualTo(
            Map.of(
                "nvidia.com/gpu", new Quantity("1"),
                "memory", new Quantity("16Gi"),
                "cpu", new Quantity("0.5")));
  }

  @Test
  void fillsInWhatIsNotSaid() {
    FineTuneJobFile job = FineTuneJobFile.parse(minimal(""));

    assertThat(job.namespace()).isEqualTo("default");
    assertThat(job.uid()).isNull();
    assertThat(job.spec().training()).isEqualTo(Training.defaults());
    assertThat(job.spec().suspend()).isFalse();
  }

  @Test
  void readsWhatItWrites() {
    for (String text : List.of(FULL, minimal(""))) {
      FineTuneJobFile job = FineTuneJobFile.parse(text);

      FineTuneJobFile again = FineTuneJobFile.parse(job.toYaml());

      assertThat(again).isEqualTo(job);
      assertThat(again.toYaml()).isEqualTo(job.toYaml());
    }
  }

  @Test
  void writesEqualJobsAlike() {
    String reordered =
        FULL.replace(
            "nvidia.com/gpu: 1, memory: 16Gi, cpu: \"0.5\"",
            "cpu: \"0.5\", memory: 16Gi, nvidia.com/gpu: 1");

    assertThat(FineTuneJobFile.parse(reordered).toYaml())
        .isEqualTo(FineTuneJobFile.parse(FULL).toYaml());
  }

  @Test
  void readsJson() {
    String json =
        """
        {"apiVersion": "finetune.dev/v1alpha1", "kind": "FineTuneJob", "metadata": {"name": "j"},
        \t"spec": {"model": {"uri": "s3://m/b"}, "dataset": {"train": "s3://d/t"},
        \t"storage": {"uri": "s3://r"}, "training": {"learningRate": 2e-4}}}
        """;

    assertThat(FineTuneJobFile.parse(json).spec().training().learningRate()).isEqualTo(2e-4);
  }

  @Test
  void readsWhatKubectlPrints() {
    String printed =
        minimal("")
            .replace(
                "name: job",
                "name: job, creationTimestamp: '2026-01-01T00:00:00Z', generation: 1,"
                    + " resourceVersion: '7', managedFields: [{manager: kubectl}]");

    assertThat(FineTuneJobFile.parse(printed + "status: {phase: Complete}\n").name())
        .isEqualTo("job");
  }

  @Test
  void namesEveryFieldThatIsWrong() {
    InvalidJobException e =
        failure(
            minimal(
                """
                  trainig: {epochs: 1}
                  task: Foo
                  adapter: {rank: 0, alpha: many}
                  training: {epochs: 1, maxSteps: 5, seed: 99999999999999999999}
                  pod: {env: [{name: A}, {nam: B}]}
                """));

    assertThat(e.getMessage().lines())
        .containsExactlyInAnyOrder(
            "spec.trainig: unknown field; did you mean training?",
            "spec.task: must be one of CausalLM, SequenceClassification, TokenClassification, was Foo",
            "spec.adapter.rank: must be at least 1, was 0",
            "spec.adapter.alpha: must be a whole number, was the text many",
            "spec.training.seed: must be at most 9007199254740991, was 99999999999999999999",
            "spec.training.maxSteps: only one of epochs and maxSteps may be set",
            "spec.pod.env[1].nam: unknown field; did you mean name?",
            "spec.pod.env[1].name: is required");
    assertThat(e.violations()).hasSize(8);
  }

  @Test
  void reportsEachRequiredFieldThatIsAbsent() {
    assertThat(failure("spec: {}").getMessage().lines())
        .containsExactly(
            "apiVersion: is required",
            "kind: is required",
            "metadata: is required",
            "spec.model: is required",
            "spec.dataset: is required",
            "spec.storage: is required");
  }

  @Test
  void listsTheKnownFieldsWhereNoneIsAlike() {
    assertThat(failure(minimal("  checkpoint: {frequency: 5}\n")))
        .hasMessage(
            "spec.checkpoint.frequency: unknown field; known are everyMinutes, everySteps, keepBest, keepLast");
  }

  @Test
  void checksKindAndVersion() {
    assertThat(failure(minimal("").replace("v1alpha1", "v9")).violations())
        .extracting(Violation::path)
        .containsExactly("apiVersion");
    assertThat(failure(minimal("").replace("kind: FineTuneJob", "kind: Job")).violations())
        .extracting(Violation::path)
        .containsExactly("kind");
  }

  @Test
  void checksTheName() {
    for (String name : List.of("a".repeat(51), "Upper", "a.b", "-a", "a/b", "''")) {
      assertThat(failure(minimal("").replace("name: job", "name: " + name)).violations())
          .as(name)
          .extracting(Violation::path)
          .contains("metadata.name");
    }
    assertThat(FineTuneJobFile.parse(minimal("").replace("name: job", "name: " + "a".repeat(50))))
        .isNotNull();
  }

  @Test
  void takesANullForAnAbsentField() {
    FineTuneJobFile job = FineTuneJobFile.parse(minimal("  adapter: null\n  runId: ~\n"));

    assertThat(job.spec().adapter()).isEqualTo(Adapter.defaults());
    assertThat(job.spec().runId()).isNull();
  }

  @Test
  void wantsExactlyOneDocument() {
    assertThatThrownBy(() -> FineTuneJobFile.parse(minimal("") + "---\n" + minimal("")))
        .isInstanceOf(InvalidJobException.class)
        .hasMessageContaining("a file holds one document");
    assertThatThrownBy(() -> FineTuneJobFile.parse("# nothing\n"))
        .isInstanceOf(InvalidJobException.class)
        .hasMessageStartingWith("file: must hold");
    assertThat(FineTuneJobFile.parse("---\n" + minimal(""))).isNotNull();
  }

  @Test
  void namesTheLineOfTextThatIsNotYaml() {
    assertThat(failure(minimal("") + "  x: [1\n").violations())
        .extracting(Violation::path)
        .allMatch(path -> path.startsWith("line "));
    assertThat(failure(minimal("") + "kind: FineTuneJob\n"))
        .hasMessage("line 8: kind stands there twice");
    assertThat(failure(minimal("  task: !!java.net.URL [x]\n")))
        .hasMessageContaining("tag is not allowed");
    assertThat(failure(minimal("  task: !mine x\n")))
        .hasMessage("line 8: must have no tag, had !mine");
    assertThat(failure(minimal("  task: {<<: {a: 1}}\n"))).hasMessageContaining("merge key");
    assertThat(failure("{\"a\": 1, \"a\": 2}")).hasMessageStartingWith("line 1: is not JSON");
    assertThat(failure("{\"a\": 1} x")).hasMessageStartingWith("line 1: is not JSON");
  }

  @Test
  void boundsWhatHostileTextCanUnfoldTo() {
    assertThat(failure(laughs(8)).getMessage()).contains("aliases");
    assertThat(failure(laughs(5)).getMessage()).contains("is nested or repeated too often");
    assertThat(failure("&a [*a]").getMessage()).contains("line 1");
    assertThat(failure("[".repeat(5000)).getMessage()).isNotEmpty();
    assertThat(failure("{\"a\":".repeat(5000)).getMessage()).isNotEmpty();
    assertThat(failure("#".repeat((1 << 20) + 1)).getMessage()).contains("1048576");
  }

  @Test
  void refusesAFileThatIsTooLargeOrNotText(@TempDir Path folder) throws IOException {
    Path large = Files.write(folder.resolve("large.yaml"), new byte[(1 << 20) + 1]);
    Path binary = Files.write(folder.resolve("binary.yaml"), new byte[] {(byte) 0xff, 0});
    Path good = Files.writeString(folder.resolve("good.yaml"), FULL, StandardCharsets.UTF_8);

    assertThatThrownBy(() -> FineTuneJobFile.read(large)).hasMessageContaining("at most 1048576");
    assertThatThrownBy(() -> FineTuneJobFile.read(binary)).hasMessage("file: must be UTF-8");
    assertThat(FineTuneJobFile.read(good).name()).isEqualTo("full");
  }

  /** Nine lists, each of which holds the one before it many times. */
  private static String laughs(int times) {
    StringBuilder text = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++) {
      text.append("a%d: &a%d [%s]\n".formatted(i, i, ("*a" + (i - 1) + ", ").repeat(times)));
    }
    return text.toString();
  }

  @Test
  void listsAFewOfManyBrokenRulesInItsMessage() {
    StringBuilder many = new StringBuilder();
    for (int i = 0; i < 20_000; i++) {
      many.append("  unknown").append(i).append(": 1\n");
    }
    InvalidJobException e = failure(minimal(many.toString()));

    assertThat(e.violations()).hasSize(20_000);
    assertThat(e.getMessage().lines()).hasSize(21).last().isEqualTo("and 19980 more");
  }

  @Test
  void boundsAndCleansWhatItQuotes() {
    String name = "a".repeat(900);
    InvalidJobException e = failure(minimal("  \"" + name + "\": 1\n  \"b\\e[31m\": 1\n"));

    assertThat(e.getMessage()).hasSizeLessThan(2_000).contains("aaa...: ").contains("b?[31m");
  }

  @Test
  void aNumberWithoutEndIsText() {
    String digits = "9".repeat(500_000);

    assertThat(failure(minimal("  adapter: {rank: " + digits + "}\n")))
        .hasMessageStartingWith("spec.adapter.rank: must be a whole number, was the text 9999");
  }

  private static InvalidJobException failure(String text) {
    InvalidJobException e =
        catchThrowableOfType(InvalidJobException.class, () -> FineTuneJobFile.parse(text));
    assertThat(e).as(text).isNotNull();
    return e;
  }

  private static String minimal(String more) {
    return """
        apiVersion: finetune.dev/v1alpha1
        kind: FineTuneJob
        metadata: {name: job}
        spec:
          model: {uri: s3://m/base}
          dataset: {train: s3://d/train.jsonl}
          storage: {uri: s3://finetune/runs}
        """
        + more;
  }
}
