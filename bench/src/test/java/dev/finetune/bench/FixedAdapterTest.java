package dev.finetune.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FixedAdapterTest {
  /** The numbers come from {@code set_fixed_adapter} of {@code peft/bench.py}. */
  @Test
  void isTheSameToTheBitAsPeftsSideMakesIt() {
    float[] a = new float[12];
    FixedAdapter.fill(a, "model.layers.3.mlp.down_proj", 6);
    assertThat(a)
        .containsExactly(
            0x1.592faap-2f,
            -0x1.a64d82p-3f,
            -0x1.80e1c6p-2f,
            0x1.68456ap-6f,
            0x1.b644b6p-3f,
            -0x1.71193cp-2f,
            0x1.9aa098p-3f,
            -0x1.486318p-2f,
            -0x1.332ee2p-4f,
            0x1.a06b06p-3f,
            -0x1.316454p-2f,
            -0x1.136a1ep-8f);
  }

  @Test
  void staysWithinTheBoundsOfLorasUsualStartAndDiffersByModule() {
    float[] one = new float[16 * 576];
    float[] other = new float[one.length];
    FixedAdapter.fill(one, "model.layers.0.self_attn.q_proj", 576);
    FixedAdapter.fill(other, "model.layers.0.self_attn.k_proj", 576);
    double sum = 0;
    double squares = 0;
    for (float value : one) {
      assertThat(value).isBetween(-1 / 24f, 1 / 24f);
      sum += value;
      squares += value * value;
    }
    assertThat(sum / one.length).isBetween(-0.001, 0.001);
    assertThat(squares / one.length * 576 * 3).isBetween(0.95, 1.05);
    assertThat(one).isNotEqualTo(other);
  }
}
