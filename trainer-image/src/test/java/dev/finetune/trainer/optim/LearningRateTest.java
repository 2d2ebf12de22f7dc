package dev.finetune.trainer.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.Schedule;
import dev.finetune.trainer.goldens.Goldens;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Learning-rate schedules against transformers. */
class LearningRateTest {
  private static final Map<String, Schedule> NAMES =
      Map.of(
          "linear",
          Schedule.LINEAR,
          "cosine",
          Schedule.COSINE,
          "constant",
          Schedule.CONSTANT,
          "constant_with_warmup",
          Schedule.CONSTANT);

  @Test
  void followsTheSchedulersOfTransformers() {
    int compared = 0;
    for (JsonNode golden : Goldens.json("schedules.json").path("cases")) {
      Schedule schedule = NAMES.get(golden.path("scheduler").asText());
      boolean ignoresWarmup = golden.path("scheduler").asText().equals("constant");
      if (schedule == null
          || !golden.path("kwargs").isEmpty()
          || (ignoresWarmup && golden.path("warmup_steps").asInt() > 0)) {
        continue;
      }
      LearningRate rate =
          new LearningRate(
              schedule,
              golden.path("base_lr").asDouble(),
              golden.path("warmup_steps").asInt(),
              golden.path("steps").asInt());
      for (int step = 0; step < golden.path("lr").size(); step++) {
        assertThat(rate.at(step))
            .as("%s step %d", golden.path("scheduler").asText(), step)
            .isCloseTo(golden.path("lr").get(step).asDouble(), within(1e-13));
        compared++;
      }
    }
    assertThat(compared).isGreaterThan(100);
  }
}
