package dev.finetune.operator.status;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.EvaluationPoint;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class EvaluationTextTest {
  @Test
  void saysInOneLineWhatWasMeasuredAndWhatItShows() {
    EvaluationPoint point =
        new EvaluationPoint(
            120,
            1.1,
            1.31,
            new TreeMap<>(Map.of("macroF1", 0.9075, "accuracy", 0.92134)),
            3.05,
            null,
            "overfitting since\nstep 80");
    assertThat(EvaluationText.of(point))
        .isEqualTo(
            "step 120: loss 1.310, accuracy 0.9213, macroF1 0.9075, general loss 3.050;"
                + " overfitting since step 80");
  }

  @Test
  void saysNothingOfNothing() {
    EvaluationPoint bare = new EvaluationPoint(3, null, 2.0, new TreeMap<>(), null, null, null);
    assertThat(EvaluationText.of(null)).isNull();
    assertThat(EvaluationText.metrics(bare)).isNull();
    assertThat(EvaluationText.generalLoss(bare)).isNull();
    assertThat(EvaluationText.of(bare)).isEqualTo("step 3: loss 2.000");
  }
}
