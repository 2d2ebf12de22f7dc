package dev.finetune.trainer.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class GradientClipTest {
  @Test
  void bringsALargeGradientDownAndLeavesASmallOne() {
    assertThat(GradientClip.factor(4, 1)).isCloseTo(0.25, within(1e-6));
    assertThat(GradientClip.factor(0.5, 1)).isEqualTo(1);
    assertThat(GradientClip.factor(0, 1)).isEqualTo(1);
  }

  @Test
  void zeroSwitchesItOff() {
    assertThat(GradientClip.factor(1e9, 0)).isEqualTo(1);
  }
}
