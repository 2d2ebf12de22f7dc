package dev.finetune.trainer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ProcessorTest {
  private static final List<String> LISTED =
      List.of(
          "processor\t: 0",
          "cpu family\t: 25",
          "model\t\t: 17",
          "model name\t: AMD EPYC 9R14",
          "flags\t\t: fpu avx2 fma avx512f avx512_bf16 rdpid",
          "",
          "processor\t: 1",
          "model name\t: another");

  @Test
  void tellsTheModelOfTheFirstProcessor() {
    assertThat(Processor.model(Processor.fields(LISTED)))
        .isEqualTo("AMD EPYC 9R14 (family 25, model 17)");
    assertThat(Processor.model(Map.of())).isEqualTo("unknown");
  }

  @Test
  void tellsTheInstructionsThatKernelsAreChosenBy() {
    Set<String> flags = Set.of("fpu", "avx2", "fma", "avx512f", "avx512_bf16", "rdpid");
    assertThat(Processor.instructions(flags, Map.of())).isEqualTo("avx2 fma avx512f avx512_bf16");
    assertThat(Processor.instructions(flags, Map.of("ATEN_CPU_CAPABILITY", "avx2")))
        .isEqualTo("avx2 fma avx512f avx512_bf16 ATEN_CPU_CAPABILITY=avx2");
    assertThat(Processor.instructions(Set.of(), Map.of())).isEmpty();
  }

  @Test
  void knowsWhetherBfloat16IsMultipliedInHardware() {
    assertThat(Processor.hasBfloat16(Set.of("avx512f", "amx_bf16"))).isTrue();
    assertThat(Processor.hasBfloat16(Set.of("avx512f"))).isFalse();
  }
}
