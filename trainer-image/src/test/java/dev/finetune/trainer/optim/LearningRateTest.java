package dev.finetune.trainer.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.ScheduleOptions;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.goldens.Goldens;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Learning-rate schedules against transformers and torch. */
class LearningRateTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final Map<String, Schedule> NAMES =
      Map.ofEntries(
          Map.entry("linear", Schedule.LINEAR),
          Map.entry("cosine", Schedule.COSINE),
          Map.entry("cosine_with_restarts", Schedule.COSINE_WITH_RESTARTS),
          Map.entry("cosine_with_min_lr", Schedule.COSINE_WITH_MIN_LR),
          Map.entry("polynomial", Schedule.POLYNOMIAL),
          Map.entry("constant", Schedule.CONSTANT),
          Map.entry("constant_with_warmup", Schedule.CONSTANT_WITH_WARMUP),
          Map.entry("inverse_sqrt", Schedule.INVERSE_SQRT),
          Map.entry("warmup_stable_decay", Schedule.WARMUP_STABLE_DECAY),
          Map.entry("reduce_lr_on_plateau", Schedule.REDUCE_ON_PLATEAU));

  /** It differs from {@code cosine_with_min_lr} only in its warm-up, and jobs cannot ask for it. */
  private static final Set<String> NOT_OFFERED = Set.of("cosine_warmup_with_min_lr");

  private static final Map<String, String> OPTIONS =
      Map.ofEntries(
          Map.entry("num_cycles", "cycles"),
          Map.entry("lr_end", "endLearningRate"),
          Map.entry("power", "power"),
          Map.entry("timescale", "timescale"),
          Map.entry("min_lr_rate", "minLearningRateRatio"),
          Map.entry("min_lr_ratio", "minLearningRateRatio"),
          Map.entry("num_decay_steps", "decaySteps"),
          Map.entry("decay_type", "decayShape"),
          Map.entry("warmup_type", "warmupShape"),
          Map.entry("factor", "factor"),
          Map.entry("patience", "patience"),
          Map.entry("threshold", "threshold"),
          Map.entry("cooldown", "cooldown"));

  static Stream<JsonNode> schedules() {
    Stream<JsonNode> passedOn = cases("schedules.json").map(LearningRateTest::asPassedOn);
    return Stream.concat(passedOn, rates())
        .filter(golden -> golden.has("lr"))
        .filter(golden -> !NOT_OFFERED.contains(golden.path("scheduler").asText()));
  }

  /** The timescale is an argument of transformers' schedule that its get_scheduler drops. */
  private static JsonNode asPassedOn(JsonNode golden) {
    ((ObjectNode) golden.path("kwargs")).remove("timescale");
    return golden;
  }

  /** A growing metric and an absolute threshold are torch's, but jobs have a loss. */
  static Stream<JsonNode> plateaus() {
    return Stream.concat(cases("schedules.json"), rates())
        .filter(golden -> golden.has("lr_after_each_metric"))
        .filter(golden -> !golden.path("kwargs").path("mode").asText().equals("max"));
  }

  private static Stream<JsonNode> cases(String file) {
    return cases(Goldens.json(file));
  }

  private static Stream<JsonNode> rates() {
    return cases(OptimizerGoldens.json("rates.json"));
  }

  private static Stream<JsonNode> cases(JsonNode goldens) {
    return StreamSupport.stream(goldens.path("cases").spliterator(), false);
  }

  @ParameterizedTest
  @MethodSource("schedules")
  void followsTheSchedulersOfTransformers(JsonNode golden) {
    JsonNode expected = golden.path("lr");
    LearningRate rate = rate(golden);
    assertThat(expected.size()).isGreaterThanOrEqualTo(golden.path("steps").asInt());
    for (int step = 0; step < expected.size(); step++) {
      assertThat(rate.at(step))
          .as("step %d", step)
          .isCloseTo(expected.get(step).asDouble(), tolerance(expected.get(step).asDouble()));
    }
  }

  @ParameterizedTest
  @MethodSource("plateaus")
  void reducesOnAPlateauAsTorchDoes(JsonNode golden) {
    LearningRate rate = rate(golden);
    Plateau plateau = rate.plateau();
    JsonNode metrics = golden.path("metrics");
    for (int i = 0; i < metrics.size(); i++) {
      plateau = plateau.after(metrics.get(i).asDouble(), rate.options());
      double expected = golden.path("lr_after_each_metric").get(i).asDouble();
      assertThat(rate.at(7, plateau))
          .as("evaluation %d", i)
          .isCloseTo(expected, tolerance(expected));
    }
  }

  @Test
  void knowsEveryGolden() {
    List<String> names =
        cases("schedules.json")
            .map(golden -> golden.path("scheduler").asText())
            .distinct()
            .toList();
    assertThat(names).allMatch(name -> NAMES.containsKey(name) || NOT_OFFERED.contains(name));
    assertThat(names.stream().filter(NAMES::containsKey).map(NAMES::get))
        .containsExactlyInAnyOrder(Schedule.values());
    assertThat(schedules().count()).isGreaterThanOrEqualTo(50);
    assertThat(plateaus().count()).isGreaterThanOrEqualTo(6);
  }

  @Test
  void scalesTheReducedRateDuringTheWarmup() {
    LearningRate rate = new LearningRate(Schedule.REDUCE_ON_PLATEAU, 1e-3, 4, 100);
    Plateau reduced = new Plateau(1e-4, 2.0, 0, 0);
    assertThat(rate.at(1)).isCloseTo(0.25e-3, within(1e-18));
    assertThat(rate.at(1, reduced)).isCloseTo(0.25e-4, within(1e-18));
    assertThat(rate.at(4, reduced)).isEqualTo(1e-4);
  }

  @Test
  void fallsOverATenthOfTheRunUnlessToldOtherwise() {
    LearningRate rate = new LearningRate(Schedule.WARMUP_STABLE_DECAY, 1, 0, 25);
    assertThat(rate.at(22)).isEqualTo(1);
    assertThat(rate.at(23)).isBetween(0.7, 0.8);
    assertThat(rate.at(25)).isZero();
    LearningRate brief = new LearningRate(Schedule.WARMUP_STABLE_DECAY, 1, 10, 10);
    assertThat(brief.at(9)).isEqualTo(0.9);
    assertThat(brief.at(10)).isZero();
  }

  @Test
  void refusesAFallThatIsLongerThanWhatIsLeft() {
    ScheduleOptions options = options(JSON.createObjectNode().put("decaySteps", 9));
    assertThatThrownBy(() -> new LearningRate(Schedule.WARMUP_STABLE_DECAY, 1e-3, 2, 10, options))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.training.scheduleOptions.decaySteps: must be at most 8, the steps after the"
                + " warm-up, was 9");
  }

  private static LearningRate rate(JsonNode golden) {
    Schedule schedule = NAMES.get(golden.path("scheduler").asText());
    JsonNode arguments = golden.path("kwargs");
    double peak = golden.path("base_lr").asDouble();
    // Jobs refuse a warm-up of constant, which transformers ignores.
    int warmup = schedule == Schedule.CONSTANT ? 0 : golden.path("warmup_steps").asInt();
    // Ours has no number of stable steps: they are what the others leave.
    int steps =
        arguments.has("num_stable_steps")
            ? warmup
                + arguments.path("num_stable_steps").asInt()
                + arguments.path("num_decay_steps").asInt()
            : golden.path("steps").asInt();
    return new LearningRate(schedule, peak, warmup, steps, options(arguments, schedule, peak));
  }

  private static ScheduleOptions options(JsonNode arguments, Schedule schedule, double peak) {
    ObjectNode options = JSON.createObjectNode();
    arguments
        .properties()
        .forEach(
            argument -> {
              String name = argument.getKey();
              JsonNode value = argument.getValue();
              if (name.equals("min_lr") && schedule == Schedule.COSINE_WITH_MIN_LR) {
                options.put("minLearningRateRatio", value.asDouble() / peak);
              } else if (name.equals("min_lr")) {
                options.put("minLearningRate", value.asDouble());
              } else if (value.asText().equals("1-sqrt")) {
                options.put(OPTIONS.get(name), "oneMinusSqrt");
              } else if (!name.equals("num_stable_steps")) {
                options.set(OPTIONS.get(name), value);
              }
            });
    return options(options);
  }

  private static ScheduleOptions options(ObjectNode options) {
    return JSON.convertValue(options, ScheduleOptions.class);
  }

  private static Offset<Double> tolerance(double expected) {
    return within(Math.max(1e-9 * Math.abs(expected), 1e-24));
  }
}
