package dev.finetune.trainer.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.run.RunJson;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class EvaluationHistoryTest {
  @Test
  void keepsTheAnswersOfTheFirstAndTheLastFew() {
    EvaluationHistory history = EvaluationHistory.empty();
    for (int step = 0; step < 10; step++) {
      history = history.with(Points.answered(step, "answer " + step));
    }
    assertThat(history.points().stream().filter(point -> point.samples() != null))
        .extracting(EvaluationPoint::step)
        .containsExactly(0, 6, 7, 8, 9);
    assertThat(history.before().orElseThrow().step()).isZero();
    assertThat(history.newest().orElseThrow().step()).isEqualTo(9);
  }

  @Test
  void staysSmallHoweverManyEvaluationsThereAre() {
    EvaluationHistory history = EvaluationHistory.empty();
    int last = 5 * EvaluationHistory.MOST_POINTS;
    for (int step = 0; step <= last; step++) {
      history = history.with(Points.loss(step, 1));
      assertThat(history.points().size()).isLessThanOrEqualTo(EvaluationHistory.MOST_POINTS);
    }
    assertThat(history.points()).extracting(EvaluationPoint::step).isSorted();
    assertThat(history.before()).isPresent();
    assertThat(history.newest().orElseThrow().step()).isEqualTo(last);
    assertThat(history.at(last - 100)).isPresent();
  }

  @Test
  void isReadAsItWasWritten() throws IOException {
    EvaluationHistory history =
        EvaluationHistory.empty()
            .with(Points.general(0, 2.5, 3.0))
            .with(Points.metric(10, "macroF1", 0.1 + 0.2))
            .with(Points.answered(20, "yes"));
    assertThat(RunJson.read(RunJson.write(history), EvaluationHistory.class)).isEqualTo(history);
  }
}
