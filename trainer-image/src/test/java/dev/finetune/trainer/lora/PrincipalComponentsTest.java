package dev.finetune.trainer.lora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.goldens.GoldenModel;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PrincipalComponentsTest {
  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  /** Singular vectors are known up to their signs, so products are compared. */
  @Test
  void beginsWithTheProductsThatPeftBeginsWith() {
    AdapterShape shape =
        AdapterConfig.read(Goldens.path("lora/llama-pissa/init/adapter_config.json"))
            .settings()
            .shape(GoldenModel.modules("tiny-llama"));
    PrincipalComponents components = new PrincipalComponents(kernels, shape);
    GoldenTensors weights = Goldens.tensors("models/tiny-llama/model.safetensors");
    GoldenTensors golden = Goldens.tensors("lora/llama-pissa/init/adapter_model.safetensors");
    assertThat(shape.targets()).hasSize(4);
    for (LoraTarget target : shape.targets()) {
      LinearShape linear = target.shape();
      float[] weight = weights.floats(linear.name() + ".weight");
      float[] rest = rest(components, linear, weight);
      float[] theirs =
          product(
              golden.floats("base_model.model." + AdapterLayout.nameOfB(target)),
              golden.floats("base_model.model." + AdapterLayout.nameOfA(target)),
              target);
      assertThat(Goldens.distance(product(components.matrices(), target), theirs))
          .as(linear.name())
          .isLessThan(1e-5);
      float[] difference = weight.clone();
      for (int i = 0; i < difference.length; i++) {
        difference[i] -= (float) target.scaling() * theirs[i];
      }
      assertThat(Goldens.distance(rest, difference)).as(linear.name()).isLessThan(1e-5);
    }
  }

  @Test
  void componentsAndRestAreTheWeightAndOrthogonal() {
    LinearShape linear = new LinearShape("q_proj", 31, 70);
    LoraTarget target = new LoraTarget(linear, 5, 1.7);
    PrincipalComponents components =
        new PrincipalComponents(kernels, new AdapterShape(java.util.List.of(target), false));
    float[] weight = random(70 * 31);
    float[] rest = rest(components, linear, weight);
    float[] product = product(components.matrices(), target);
    double inner = 0;
    for (int i = 0; i < weight.length; i++) {
      inner += (double) rest[i] * product[i];
      product[i] = (float) (rest[i] + target.scaling() * product[i]);
    }
    assertThat(Goldens.distance(product, weight)).isLessThan(1e-5);
    assertThat(Math.abs(inner)).isLessThan(1e-3);
    assertThat(rest(components, linear, weight)).isEqualTo(rest);
  }

  @Test
  void leavesOtherLayersAlone() {
    PrincipalComponents components =
        new PrincipalComponents(kernels, new AdapterShape(java.util.List.of(), false));
    try (Scope scope = new Scope()) {
      Tensor weight = kernels.engine().floats(scope, random(6), 2, 3);
      assertThat(components.rest(scope, "o_proj", weight)).isSameAs(weight);
      assertThat(components.matrices()).isEmpty();
    }
  }

  private float[] rest(PrincipalComponents components, LinearShape linear, float[] weight) {
    try (Scope scope = new Scope()) {
      Tensor tensor = kernels.engine().floats(scope, weight, linear.out(), linear.in());
      return components.rest(scope, linear.name(), tensor).toFloats();
    }
  }

  private static float[] product(Map<String, float[]> matrices, LoraTarget target) {
    return product(
        matrices.get(AdapterLayout.nameOfB(target)),
        matrices.get(AdapterLayout.nameOfA(target)),
        target);
  }

  private static float[] product(float[] b, float[] a, LoraTarget target) {
    int rank = target.rank();
    int in = (int) target.shape().in();
    float[] product = new float[(int) target.shape().out() * in];
    for (int i = 0; i < product.length; i++) {
      double sum = 0;
      for (int k = 0; k < rank; k++) {
        sum += (double) b[i / in * rank + k] * a[k * in + i % in];
      }
      product[i] = (float) sum;
    }
    return product;
  }

  private static float[] random(int count) {
    Random random = new Random(11);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
