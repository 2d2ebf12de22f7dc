package dev.finetune.trainer.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.spec.Optimizer;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.failure.PlanDoesNotFit;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.ModelModules;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PlannerTest {
  private static final Path PLANS = Path.of("../examples/plans");
  private static final long GIBIBYTE = 1L << 30;
  private static final long PLENTY = 4096 * GIBIBYTE;
  private static final Quantization NF4 = Quantization.defaults();

  @Test
  void keepsToFullSpeedWhereThereIsRoom() {
    MemoryPlan plan = planner("8b", NF4, 512, PLENTY).choose();
    assertThat(plan.tokenBudget()).isEqualTo(Planner.FULL_SPEED_TOKENS);
    assertThat(plan.recompute()).isFalse();
  }

  @Test
  void computesBlocksAgainBeforeItWorksOnFewerTokens() {
    long full = planner("8b", NF4, 512, PLENTY).choose().peakBytes();
    MemoryPlan again = planner("8b", NF4, 512, full - 1).choose();
    assertThat(again.recompute()).isTrue();
    assertThat(again.tokenBudget()).isEqualTo(Planner.FULL_SPEED_TOKENS);
    MemoryPlan fewer = planner("8b", NF4, 512, again.peakBytes() - 1).choose();
    assertThat(fewer.tokenBudget()).isLessThan(Planner.FULL_SPEED_TOKENS);
    assertThat(fewer.peakBytes()).isLessThan(again.peakBytes());
  }

  @Test
  void refusesWhatCannotFitAndSaysWhatWould() {
    long quantized = planner("8b", NF4, 512, PLENTY).plan(512, true).peakBytes();
    assertThatThrownBy(() -> planner("8b", null, 512, quantized + GIBIBYTE).choose())
        .isInstanceOfSatisfying(
            PlanDoesNotFit.class,
            e -> assertThat(e.exitCode()).isEqualTo(ExitCode.PLAN_DOES_NOT_FIT))
        .hasMessageContaining("it would fit with spec.quantization");
    long half = planner("8b", NF4, 4096, PLENTY).plan(4096, true).peakBytes();
    assertThatThrownBy(() -> planner("8b", NF4, 8192, half + GIBIBYTE / 16).choose())
        .hasMessageContaining("it would fit with spec.training.maxLength: 4096");
    assertThatThrownBy(() -> planner("70b", NF4, 512, GIBIBYTE).choose())
        .hasMessageContaining("use a smaller model or more memory");
  }

  @Test
  void weightsOfBothModelsAreWhatTheirParametersTake() {
    assertThat(kept("8b", null)).isBetween(8_030_261_248L * 2, 8_030_261_248L * 2 + GIBIBYTE);
    assertThat(kept("70b", null))
        .isBetween(70_553_706_496L * 2, 70_553_706_496L * 2 + 4 * GIBIBYTE);
    assertThat(kept("70b", NF4)).isBetween(38 * GIBIBYTE, 46 * GIBIBYTE);
  }

  private static long kept(String model, @Nullable Quantization quantization) {
    return planner(model, quantization, 512, PLENTY)
        .plan(512, true)
        .phases()
        .getFirst()
        .tensorBytes();
  }

  private static Planner planner(
      String model, @Nullable Quantization quantization, int length, long limit) {
    ModelConfig config = BaseModel.readConfig(PLANS.resolve("llama-3.1-" + model + ".config.json"));
    ModelModules modules = ModelModules.of(DecoderTensors.shapes(config), config.layers());
    Workload workload =
        new Workload(
            config,
            quantization,
            ElementType.BF16,
            AdapterShape.of(modules.linears(), 16, 32),
            0,
            Optimizer.ADAM_W,
            false);
    return new Planner(
        workload, new Planner.Uniform(length, 16 * length), new MemoryLimit(limit, "the test"));
  }
}
