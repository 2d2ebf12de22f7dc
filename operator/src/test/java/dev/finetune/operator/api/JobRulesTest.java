package dev.finetune.operator.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.InvalidJobException;
import dev.finetune.api.spec.SpecRules;
import dev.finetune.api.spec.Violation;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The CRD and the Java rules, over the same files: they must give the same verdict. */
class JobRulesTest {
  private static final ApiServerRules API_SERVER = new ApiServerRules(CrdFile.crd());

  static Stream<Path> valid() {
    return Stream.concat(
        JobFiles.list(JobFiles.JOBS, "valid-", false).stream(),
        JobFiles.list(JobFiles.EXAMPLES, "", true).stream());
  }

  static Stream<Path> invalid() {
    return JobFiles.list(JobFiles.JOBS, "invalid-", false).stream();
  }

  static Stream<Path> allowedChanges() {
    return JobFiles.list(JobFiles.CHANGES, "valid-", false).stream();
  }

  static Stream<Path> refusedChanges() {
    return JobFiles.list(JobFiles.CHANGES, "invalid-", false).stream();
  }

  @ParameterizedTest
  @MethodSource("valid")
  void bothTakeAValidJob(Path file) {
    String yaml = JobFiles.text(file);

    assertThat(API_SERVER.check(JobFiles.tree(yaml))).isEmpty();
    FineTuneJobFile job = FineTuneJobFile.parse(yaml);
    assertThat(SpecRules.check(job.spec())).isEmpty();
    assertThat(FineTuneJobFile.parse(job.toYaml())).isEqualTo(job);
  }

  @ParameterizedTest
  @MethodSource("valid")
  void bothFillInTheSameDefaults(Path file) {
    ObjectNode defaulted = API_SERVER.defaulted(JobFiles.tree(JobFiles.text(file)));

    FineTuneJobFile byApiServer = FineTuneJobFile.parse(defaulted.toString());

    assertThat(byApiServer).isEqualTo(FineTuneJobFile.parse(JobFiles.text(file)));
  }

  @ParameterizedTest
  @MethodSource("valid")
  void theOperatorReadsTheSpecThatTheTrainerReads(Path file) {
    String yaml = JobFiles.text(file);
    String stored = API_SERVER.defaulted(JobFiles.tree(yaml)).toString();

    FineTuneJobSpec byOperator = Serialization.unmarshal(stored, FineTuneJob.class).getSpec();
    FineTuneJobSpec byTrainer = FineTuneJobFile.parse(yaml).spec();

    assertThat(byOperator).isEqualTo(byTrainer);
    assertThat(SpecHash.of(byOperator)).isEqualTo(SpecHash.of(byTrainer));
  }

  @ParameterizedTest
  @ValueSource(strings = {"valid-minimal.yaml", "valid-empty-sections.yaml"})
  void everyDefaultOfTheCrdIsADefaultInJavaAndTheOtherWayRound(String file) {
    String yaml = JobFiles.text(JobFiles.JOBS.resolve(file));

    JsonNode stored = API_SERVER.defaulted(JobFiles.tree(yaml)).get("spec");
    JsonNode written = JobFiles.tree(FineTuneJobFile.parse(yaml).toYaml()).get("spec");

    assertThat(written.equals(JobRulesTest::compare, stored))
        .as("%s\n%s", written, stored)
        .isTrue();
    assertThat(written.at("/training/learningRate").doubleValue()).isEqualTo(2e-4);
  }

  /** Takes 0 and 0.0 for equal. */
  private static int compare(JsonNode one, JsonNode other) {
    boolean same =
        (one.isNumber() && other.isNumber())
            ? one.decimalValue().compareTo(other.decimalValue()) == 0
            : one.equals(other);
    return same ? 0 : 1;
  }

  @ParameterizedTest
  @MethodSource("invalid")
  void bothRefuseAnInvalidJobAndNameTheField(Path file) {
    String yaml = JobFiles.text(file);
    String expected = JobFiles.expectedPath(file);

    List<Violation> refused = API_SERVER.check(JobFiles.tree(yaml));
    InvalidJobException e =
        catchThrowableOfType(InvalidJobException.class, () -> FineTuneJobFile.parse(yaml));

    assertThat(refused).as("API server").isNotEmpty();
    assertThat(refused).extracting(Violation::path).anyMatch(path -> names(path, expected));
    assertThat(e).as("Java").isNotNull();
    assertThat(e.violations()).extracting(Violation::path).contains(expected);
    assertThat(e.getMessage()).contains(expected + ": ");
  }

  /** A rule on the keys of a map speaks of the map. */
  private static boolean names(String path, String expected) {
    return path.equals(expected) || expected.startsWith(path + "[");
  }

  @ParameterizedTest
  @MethodSource("allowedChanges")
  void bothAllowAChangeOfWhatMayChange(Path file) {
    String[] pair = JobFiles.text(file).split("---\n");

    assertThat(API_SERVER.check(JobFiles.tree(pair[1]), JobFiles.tree(pair[0]))).isEmpty();
    assertThat(
            SpecRules.checkChange(
                FineTuneJobFile.parse(pair[0]).spec(), FineTuneJobFile.parse(pair[1]).spec()))
        .isEmpty();
  }

  @ParameterizedTest
  @MethodSource("refusedChanges")
  void bothRefuseAChangeOfWhatDecidesTheResult(Path file) {
    String[] pair = JobFiles.text(file).split("---\n");

    List<Violation> byApiServer = API_SERVER.check(JobFiles.tree(pair[1]), JobFiles.tree(pair[0]));

    assertThat(byApiServer)
        .extracting(Violation::path)
        .containsExactly(JobFiles.expectedPath(file));
    assertThat(
            SpecRules.checkChange(
                FineTuneJobFile.parse(pair[0]).spec(), FineTuneJobFile.parse(pair[1]).spec()))
        .isEqualTo(byApiServer);
  }

  @Test
  void noRuleBlocksTheFirstCreation() {
    for (Path file : Stream.concat(allowedChanges(), refusedChanges()).toList()) {
      for (String yaml : JobFiles.text(file).split("---\n")) {
        assertThat(API_SERVER.check(JobFiles.tree(yaml))).as("%s", file).isEmpty();
      }
    }
  }

  @Test
  void theFilesAreThere() {
    assertThat(JobFiles.list(JobFiles.JOBS, "valid-", false)).hasSizeGreaterThanOrEqualTo(8);
    assertThat(invalid()).hasSizeGreaterThanOrEqualTo(130);
    assertThat(refusedChanges()).hasSizeGreaterThanOrEqualTo(25);
    assertThat(JobFiles.list(JobFiles.EXAMPLES, "", true)).hasSizeGreaterThanOrEqualTo(4);
  }
}
