package dev.finetune.api.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ExitCodeTest {
  @Test
  void keepsTheNumbersThatJobsAndScriptsRelyOn() {
    assertThat(Arrays.stream(ExitCode.values()).map(code -> code.name() + "=" + code.code()))
        .containsExactly(
            "DONE=0",
            "INVALID=42",
            "DIVERGED=43",
            "PLAN_DOES_NOT_FIT=44",
            "OUT_OF_MEMORY=45",
            "YIELDED=75",
            "FENCED=76",
            "STORAGE_UNREACHABLE=77");
  }

  @Test
  void findsEachCodeByItsNumber() {
    for (ExitCode code : ExitCode.values()) {
      assertThat(ExitCode.of(code.code())).contains(code);
    }
  }

  @Test
  void takesEveryOtherNumberForACrash() {
    assertThat(ExitCode.of(1)).isEmpty();
    assertThat(ExitCode.of(137)).isEmpty();
    assertThat(ExitCode.of(-1)).isEmpty();
  }
}
