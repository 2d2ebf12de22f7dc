package dev.finetune.api.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.FineTuneJobSpec;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SpecHashTest {
  private static final String BASE_HASH = hash("");

  @Test
  void neverDrifts() {
    assertThat(hash("quantization={type: NF4}")).isEqualTo("9f663d2accf2b640");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "suspend=true",
        "ttlSecondsAfterFinished=60",
        "deletionPolicy=DeleteAll",
        "cache={claimName: models}",
        "resources={limits: {memory: 4Gi}}",
        "pod={serviceAccountName: trainer}",
        "checkpoint={everySteps: 5, keepLast: 9}",
        "storage={uri: s3://elsewhere/runs, secretRef: {name: other}}",
        "model={uri: s3://m/base, secretRef: {name: reader}}"
      })
  void doesNotDependOnWhatCannotChangeTheResult(String change) {
    assertThat(hash(change)).isEqualTo(BASE_HASH);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "task=CausalLM",
        "dataset={train: s3://d/train.jsonl, format: alpaca}",
        "dataset={train: s3://d/train.jsonl, evalFraction: 0}",
        "adapter={rank: 16, alpha: 32, dropout: 0, targetModules: [all-linear], variant: LoRA}",
        "training={epochs: 1, learningRate: 2e-4, schedule: linear, warmupSteps: 0}",
        "training={weightDecay: 0, maxGradientNorm: 1, globalBatchSize: 16, maxLength: 1024}",
        "training={shuffle: true, seed: 42, precision: auto}",
        "training={optimizer: AdamW, labelSmoothing: 0, neftuneNoiseAlpha: 0}",
        "adapter={init: default, loraPlusRatio: 1}"
      })
  void isTheSameForADefaultThatIsWrittenOut(String change) {
    assertThat(hash(change)).isEqualTo(BASE_HASH);
  }

  @Test
  void isTheSameForAQuantizationWithItsDefaultsWrittenOut() {
    assertThat(hash("quantization={type: NF4, blockSize: 64, doubleQuantization: false}"))
        .isEqualTo(hash("quantization={}"));
  }

  @Test
  void takesRankAndAlphaOfAnInitialAdapterForUnknown() {
    assertThat(hash("adapter={initFrom: s3://a/adapter, rank: 16}"))
        .isNotEqualTo(hash("adapter={initFrom: s3://a/adapter}"));
  }

  @Test
  void differsForEveryFieldThatDecidesTheResult() {
    List<String> changes =
        List.of(
            "model={uri: s3://m/other}",
            "model={uri: s3://m/base, revision: main}",
            "dataset={train: s3://d/other.jsonl}",
            "dataset={train: s3://d/train.jsonl, eval: s3://d/eval.jsonl}",
            "dataset={train: s3://d/train.jsonl, evalFraction: 0.1}",
            "dataset={train: s3://d/train.jsonl, format: text}",
            "adapter={rank: 8}",
            "adapter={alpha: 16}",
            "adapter={dropout: 0.1}",
            "adapter={targetModules: [q_proj]}",
            "adapter={targetModules: [q_proj, v_proj]}",
            "adapter={initFrom: s3://a/adapter}",
            "quantization={}",
            "quantization={blockSize: 128}",
            "quantization={doubleQuantization: true}",
            "training={epochs: 2}",
            "training={maxSteps: 100}",
            "training={learningRate: 1e-4}",
            "training={schedule: cosine}",
            "training={schedule: constant}",
            "training={warmupSteps: 5}",
            "training={warmupRatio: 0.1}",
            "training={weightDecay: 0.01}",
            "training={maxGradientNorm: 0.5}",
            "training={globalBatchSize: 8}",
            "training={maxLength: 512}",
            "training={shuffle: false}",
            "training={seed: 7}",
            "training={precision: fp32}",
            "training={precision: bf16}",
            "training={optimizer: SGD}",
            "training={optimizerOptions: {beta2: 0.95}}",
            "training={schedule: cosineWithMinLr, scheduleOptions: {minLearningRateRatio: 0.2}}",
            "training={labelSmoothing: 0.1}",
            "training={neftuneNoiseAlpha: 5}",
            "dataset={train: s3://d/train.jsonl, evalFraction: 0.1}&training={evalEverySteps: 10}",
            "adapter={variant: DoRA}",
            "adapter={init: pissa}",
            "adapter={layersToTransform: [0]}",
            "adapter={rankPattern: {q_proj: 4}}",
            "adapter={alphaPattern: {q_proj: 4}}",
            "adapter={modulesToSave: [lm_head]}",
            "adapter={excludeModules: [q_proj]}",
            "adapter={loraPlusRatio: 16}",
            "runId=second");
    Set<String> hashes = new HashSet<>(Set.of(BASE_HASH));

    for (String change : changes) {
      assertThat(hashes.add(hash(change))).as(change).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({"one, two", "one, One"})
  void startsANewRunForANewRunId(String first, String second) {
    assertThat(hash("runId=" + first)).isNotEqualTo(hash("runId=" + second));
  }

  /** Returns the hash of the smallest job with fields of the spec replaced, {@code &} between. */
  private static String hash(String change) {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("model", "{uri: s3://m/base}");
    fields.put("dataset", "{train: s3://d/train.jsonl}");
    fields.put("storage", "{uri: s3://finetune/runs}");
    if (!change.isEmpty()) {
      for (String field : change.split("&")) {
        String[] parts = field.split("=", 2);
        fields.put(parts[0], parts[1]);
      }
    }
    StringBuilder yaml =
        new StringBuilder("apiVersion: finetune.dev/v1alpha1\nkind: FineTuneJob\n")
            .append("metadata: {name: job}\nspec:\n");
    fields.forEach((name, value) -> yaml.append("  " + name + ": " + value + "\n"));
    FineTuneJobSpec spec = FineTuneJobFile.parse(yaml.toString()).spec();
    return SpecHash.of(spec);
  }
}
