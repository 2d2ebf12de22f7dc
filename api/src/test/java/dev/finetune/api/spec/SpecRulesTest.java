package dev.finetune.api.spec;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SpecRulesTest {
  private static final BaseModel MODEL = new BaseModel("s3://m/base", null, null);
  private static final Dataset DATA = new Dataset("s3://d/train.jsonl", null, null, null);
  private static final Storage STORAGE = new Storage("s3://runs", null, null, null, null, null);

  @Test
  void findsNothingWrongWithTheDefaults() {
    assertThat(SpecRules.check(spec(MODEL, null, null))).isEmpty();
  }

  @Test
  void reportsAbsentRequiredFieldsOfASpecThatWasNotReadFromAFile() {
    FineTuneJobSpec empty =
        new FineTuneJobSpec(
            null, null, null, null, null, null, null, null, null, null, null, null, null, null,
            null, null, null, null);

    assertThat(SpecRules.check(empty))
        .extracting(Violation::toString)
        .containsExactly(
            "spec.model: is required", "spec.dataset: is required", "spec.storage: is required");
  }

  @Test
  void countsCharactersAsTheApiServerDoes() {
    BaseModel emoji = new BaseModel("file:" + "\uD83D\uDE00".repeat(1019), null, null);
    BaseModel longer = new BaseModel("file:" + "\uD83D\uDE00".repeat(1020), null, null);

    assertThat(SpecRules.check(spec(emoji, null, null))).isEmpty();
    assertThat(SpecRules.check(spec(longer, null, null)))
        .containsExactly(
            new Violation("spec.model.uri", "must have at most 1024 characters, had 1025"));
  }

  @Test
  void doesNotTakeALineBreakAtTheEndForTheEnd() {
    BaseModel model = new BaseModel("s3://m/b", null, new SecretReference("name\n"));

    assertThat(SpecRules.check(spec(model, null, null)))
        .extracting(Violation::path)
        .containsExactly("spec.model.secretRef.name");
  }

  @Test
  void refusesNumbersThatAreNotFinite() {
    for (double rate : new double[] {Double.NaN, Double.POSITIVE_INFINITY, 0, -1}) {
      Training training =
          new Training(
              null, null, rate, null, null, null, null, null, null, null, null, null, null, null,
              null, null, null, null, null);

      assertThat(SpecRules.check(spec(MODEL, training, null)))
          .as("" + rate)
          .extracting(Violation::path)
          .containsExactly("spec.training.learningRate");
    }
  }

  @Test
  void checksKeysAndValuesOfMaps() {
    PodSettings pod =
        pod(
            Map.of("ok/name", "v", "bad key", "v", "b", "-"),
            List.of(new Toleration(null, null, null, null, null)));

    assertThat(SpecRules.check(spec(MODEL, null, pod)))
        .extracting(Violation::path)
        .containsExactly(
            "spec.pod.nodeSelector[b]",
            "spec.pod.nodeSelector[bad key]",
            "spec.pod.tolerations[0].operator");
  }

  @Test
  void knowsTheAmountsThatKubernetesKnows() {
    for (String amount : List.of("1", "500m", "16Gi", "0.5", ".5", "1e3", "1E", "2E6", "+1k")) {
      assertThat(limits(amount)).as(amount).isEmpty();
    }
    for (String amount : List.of("", "-1", "16gi", "16 Gi", "1e", "Gi", "1.2.3", "0x1", "1\n")) {
      assertThat(limits(amount))
          .as(amount)
          .extracting(Violation::path)
          .containsExactly("spec.resources.limits[memory]");
    }
  }

  @Test
  void findsChangesOfImmutableFieldsOnly() {
    FineTuneJobSpec before = spec(MODEL, null, pod(Map.of("a", "b"), null));

    assertThat(SpecRules.checkChange(before, before)).isEmpty();
    assertThat(
            SpecRules.checkChange(
                before, spec(new BaseModel("s3://m/x", null, null), null, pod(Map.of(), null))))
        .extracting(Violation::path)
        .containsExactly("spec.model", "spec.pod.nodeSelector");
    assertThat(SpecRules.checkChange(before, spec(MODEL, null, null)))
        .extracting(Violation::path)
        .containsExactly("spec.pod.nodeSelector");
  }

  @Test
  void freezesAllOfTheSpecButWhatMayChange() {
    List<String> frozen =
        Arrays.stream(
                FineTuneJobSpec.class.getAnnotationsByType(
                    io.fabric8.generator.annotation.ValidationRule.class))
            .filter(Bounds::isTransition)
            .map(rule -> rule.fieldPath().substring(1))
            .toList();
    List<String> fields =
        IntStream.range(0, FineTuneJobSpec.class.getRecordComponents().length)
            .mapToObj(i -> FineTuneJobSpec.class.getRecordComponents()[i].getName())
            .filter(
                name ->
                    !List.of("pod", "suspend", "ttlSecondsAfterFinished", "deletionPolicy")
                        .contains(name))
            .toList();
    List<String> podFields =
        Arrays.stream(PodSettings.class.getRecordComponents())
            .map(component -> component.getName())
            .filter(name -> !name.equals("priorityClassName"))
            .map(name -> "pod." + name)
            .toList();

    assertThat(frozen).containsAll(fields).containsAll(podFields);
    assertThat(frozen).hasSize(fields.size() + podFields.size());
  }

  private static List<Violation> limits(String amount) {
    return SpecRules.check(
        new FineTuneJobSpec(
            null,
            MODEL,
            DATA,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            STORAGE,
            new ResourceRequirements(Map.of("memory", new Quantity(amount)), null),
            null,
            null,
            null,
            null,
            null,
            null));
  }

  private static PodSettings pod(Map<String, String> nodeSelector, List<Toleration> tolerations) {
    return new PodSettings(
        null, nodeSelector, tolerations, null, null, null, null, null, null, null);
  }

  private static FineTuneJobSpec spec(BaseModel model, Training training, PodSettings pod) {
    return new FineTuneJobSpec(
        null, model, DATA, null, null, training, null, null, null, null, STORAGE, null, pod, null,
        null, null, null, null);
  }
}
