package dev.finetune.trainer.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.spec.Delivered;
import dev.finetune.api.spec.Metric;
import dev.finetune.api.spec.OnForgetting;
import dev.finetune.trainer.failure.InvalidConfiguration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class EvaluationPolicyTest {
  private static EvaluationPolicy patient(@Nullable Integer patience, double minDelta) {
    return new EvaluationPolicy(
        Metric.LOSS, patience, minDelta, Delivered.BEST, null, OnForgetting.REPORT);
  }

  private static EvaluationPolicy guarded(OnForgetting onExceeded) {
    return new EvaluationPolicy(Metric.LOSS, null, 0, Delivered.BEST, 0.1, onExceeded);
  }

  private static Standing stand(EvaluationPolicy policy, EvaluationPoint... points) {
    Standing standing = Standing.start();
    for (int i = 1; i < points.length; i++) {
      standing = policy.after(standing, points[i], points[0]);
    }
    return standing;
  }

  private static Standing losses(EvaluationPolicy policy, double... losses) {
    Standing standing = Standing.start();
    for (int i = 0; i < losses.length; i++) {
      standing = policy.after(standing, Points.loss(10 * (i + 1), losses[i]), null);
    }
    return standing;
  }

  @Test
  void remembersTheBestEvaluationAndOfEqualOnesTheFirst() {
    assertThat(losses(patient(null, 0), 2, 1.5, 1.8, 1.5).bestStep()).isEqualTo(20);
  }

  @Test
  void stopsAfterSoManyEvaluationsWithoutABetterOne() {
    EvaluationPolicy policy = patient(2, 0);
    assertThat(policy.stop(losses(policy, 2, 1.5, 1.8))).isEmpty();
    assertThat(policy.stop(losses(policy, 2, 1.5, 1.8, 1.4, 1.5))).isEmpty();
    assertThat(policy.stop(losses(policy, 2, 1.5, 1.8, 1.5)))
        .contains("2 evaluations in a row were not better than the best");
    assertThat(patient(null, 0).stop(losses(policy, 1, 2, 3, 4, 5, 6))).isEmpty();
  }

  @Test
  void anEvaluationThatIsBetterByTooLittleDoesNotCount() {
    assertThat(losses(patient(1, 0.1), 2, 1.95).bestStep()).isEqualTo(10);
    assertThat(losses(patient(1, 0.1), 2, 1.85).bestStep()).isEqualTo(20);
  }

  @Test
  void ofMetricsMoreIsBetter() {
    EvaluationPolicy policy =
        new EvaluationPolicy(Metric.MACRO_F1, null, 0, Delivered.BEST, null, OnForgetting.REPORT);
    Standing standing =
        stand(
            policy,
            Points.metric(0, "macroF1", 0.2),
            Points.metric(10, "macroF1", 0.7),
            Points.metric(20, "macroF1", 0.6));
    assertThat(standing.bestStep()).isEqualTo(10);
    assertThat(policy.checkpointScore(Points.metric(10, "macroF1", 0.7))).isEqualTo(-0.7);
  }

  @Test
  void anEvaluationWithoutANumberIsNeverTheBest() {
    assertThat(losses(patient(2, 0), Double.NaN, 3).bestStep()).isEqualTo(20);
    assertThat(losses(patient(2, 0), 3, Double.NaN).bestStep()).isEqualTo(10);
  }

  @Test
  void namesAMetricThatTheTaskDoesNotHave() {
    EvaluationPolicy policy =
        new EvaluationPolicy(Metric.ACCURACY, null, 0, Delivered.BEST, null, OnForgetting.REPORT);
    assertThatThrownBy(() -> policy.require(Points.metric(0, "tokenAccuracy", 0.5)))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.evaluation.metric: must be measured of this task, which has loss, tokenAccuracy,"
                + " was accuracy");
  }

  @Test
  void reportsForgettingAndChoosesWithoutRegardToIt() {
    Standing standing =
        stand(
            guarded(OnForgetting.REPORT),
            Points.general(0, 3, 3),
            Points.general(10, 2, 3.05),
            Points.general(20, 1, 3.2));
    assertThat(standing.bestStep()).isEqualTo(20);
    assertThat(standing.exceededStep()).isEqualTo(20);
    assertThat(guarded(OnForgetting.REPORT).stop(standing)).isEmpty();
  }

  @Test
  void selectsTheBestWithinTheLimit() {
    EvaluationPolicy policy = guarded(OnForgetting.SELECT);
    Standing standing =
        stand(
            policy,
            Points.general(0, 3, 3),
            Points.general(10, 2, 3.05),
            Points.general(20, 1, 3.2),
            Points.general(30, 1.5, 3.09));
    assertThat(standing.bestStep()).isEqualTo(30);
    assertThat(policy.stop(standing)).isEmpty();
    assertThat(policy.delivered(standing, 40)).isEqualTo(30);
  }

  @Test
  void stopsOnForgettingIfAsked() {
    EvaluationPolicy policy = guarded(OnForgetting.STOP);
    Standing standing =
        stand(
            policy,
            Points.general(0, 3, 3),
            Points.general(10, 2, 3.05),
            Points.general(20, 1, 3.2));
    assertThat(policy.stop(standing))
        .contains("the loss on general rows has grown by more than 0.1");
    assertThat(policy.delivered(standing, 20)).isEqualTo(10);
  }

  @Test
  void saysSoIfNoAdapterIsWithinTheLimit() {
    EvaluationPolicy policy = guarded(OnForgetting.SELECT);
    Standing standing = stand(policy, Points.general(0, 3, 3), Points.general(10, 2, 3.5));
    assertThatThrownBy(() -> policy.delivered(standing, 10))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith(
            "spec.forgetting.maxLossIncrease: no evaluation was within 0.1 nats per token, the"
                + " first beyond it was of step 10");
  }
}
