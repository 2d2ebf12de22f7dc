package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.ProductRate;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class StepFlopsTest {
  /**
   * Two layers, 2 heads of 4, hidden 8, vocabulary 10; sequences of 3 and 2 tokens with 2 and 1
   * supervised. Pairs: 3 * 4 / 2 + 2 * 3 / 2 = 9.
   */
  @Test
  void equalsWhatIsCountedByHand() {
    StepFlops.Parts parts = new StepFlops(config(), 100, 30).of(examples());
    assertThat(parts.linear()).isEqualTo(4 * 5 * 100);
    assertThat(parts.low()).isEqualTo(6 * 5 * 30);
    assertThat(parts.head()).isEqualTo(4 * 3 * 8 * 10);
    assertThat(parts.attention()).isEqualTo(12 * 9 * 2 * 8);
    assertThat(parts.total()).isEqualTo(2000 + 900 + 960 + 1728);
  }

  /** 30 layers of 576 x 576 twice, 576 x 192 twice and 576 x 1536 three times, at 512 tokens. */
  @Test
  void reachesTheKnownSizeForSmolLm() {
    long frozen = 30L * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536);
    ModelConfig smol =
        new ModelConfig(
            "llama", 49152, 576, 1536, 30, 9, 3, 64, 1e-5, 1e5, new RopeScaling.None(), true, 8192);
    int[] ids = new int[512];
    StepFlops.Parts parts =
        new StepFlops(smol, frozen, 4_884_480).of(List.of(new Example(0, ids, ids)));
    assertThat(frozen).isEqualTo(106_168_320);
    assertThat(parts.total() / 512 / 1e6)
        .isCloseTo(424.673 + 29.307 + 113.025 + 53.188, within(0.01));
  }

  @Test
  void takesTheLayersOfTheModelAndTheMatricesOfTheAdapter() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    ModelConfig config = RandomModel.config(2, 2, 1, 4);
    try (DecoderModel model = RandomModel.load(kernels, config, null, 1);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 3, 4)) {
      StepFlops flops = StepFlops.of(model, adapter);
      long widths = model.linears().stream().mapToLong(l -> l.in() + l.out()).sum();
      assertThat(flops.low()).isEqualTo(3 * widths).isEqualTo(adapter.parameterCount());
      assertThat(flops.frozen())
          .isEqualTo(
              (long) config.layers()
                  * config.hiddenSize()
                  * (2L * config.queryWidth()
                      + 2L * config.keyValueWidth()
                      + 3L * config.intermediateSize()));
    }
  }

  @Test
  void theRateOfTheMachineIsMeasuredInWellBelowASecond() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    long live = kernels.engine().liveTensors();
    assertThat(ProductRate.measure(kernels, 128)).isBetween(1e6, 1e16);
    assertThat(kernels.engine().liveTensors()).isEqualTo(live);
  }

  private static ModelConfig config() {
    return new ModelConfig(
        "llama", 10, 8, 16, 2, 2, 1, 4, 1e-5, 1e4, new RopeScaling.None(), true, 64);
  }

  private static List<Example> examples() {
    int x = Example.NOT_SUPERVISED;
    return Arrays.asList(
        new Example(0, new int[] {1, 2, 3}, new int[] {1, 2, 3}),
        new Example(1, new int[] {4, 5}, new int[] {x, 5}));
  }
}
