package dev.finetune.trainer.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class TrendTest {
  private static final double[] FALLING = {2.5, 2.2, 2.0, 1.8, 1.6, 1.4, 1.2};
  private static final double[] RISING = {2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.2};

  private static Trend of(double[] train, double... heldOut) {
    return Trend.of(Points.curve(train, heldOut));
  }

  @Test
  void saysNothingOfFewerThanTwoEvaluations() {
    assertThat(Trend.of(List.of()).kind()).isEqualTo(Trend.Kind.UNKNOWN);
    assertThat(of(FALLING, 3).kind()).isEqualTo(Trend.Kind.UNKNOWN);
    assertThat(of(FALLING, 3, Double.NaN).kind()).isEqualTo(Trend.Kind.UNKNOWN);
  }

  @Test
  void improvesWhileTheHeldOutLossFalls() {
    assertThat(of(FALLING, 3, 2.5)).isEqualTo(new Trend(Trend.Kind.IMPROVING, 10));
    assertThat(of(FALLING, 3, 2.5, 2.2, 2.1, 2.05).words()).isEqualTo("still improving");
  }

  @Test
  void overfitsFromTheLeastHeldOutLossOn() {
    Trend trend = of(FALLING, 3, 2.5, 2.3, 2.4, 2.6);
    assertThat(trend).isEqualTo(new Trend(Trend.Kind.OVERFITTING, 20));
    assertThat(trend.words()).isEqualTo("overfitting since step 20");
  }

  @Test
  void aSingleEvaluationThatIsHardlyWorseIsNoise() {
    assertThat(of(FALLING, 3, 2.5, 2.3, 2.31).kind()).isEqualTo(Trend.Kind.IMPROVING);
    assertThat(of(FALLING, 3, 2.3, 2.315, 2.316, 2.317).kind())
        .as("three in a row are not")
        .isEqualTo(Trend.Kind.OVERFITTING);
  }

  @Test
  void isFlatWhenTheLastThreeBroughtHardlyAnything() {
    assertThat(of(FALLING, 3, 2.3, 2.299, 2.298, 2.297).kind()).isEqualTo(Trend.Kind.FLAT);
  }

  @Test
  void tellsARateThatIsTooHighFromOverfitting() {
    Trend trend = of(RISING, 3, 2.3, 2.6, 2.9);
    assertThat(trend).isEqualTo(new Trend(Trend.Kind.WORSENING, 10));
    assertThat(trend.words()).contains("since step 10").contains("learning rate");
  }
}
