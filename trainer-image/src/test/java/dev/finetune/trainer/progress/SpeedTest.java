package dev.finetune.trainer.progress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class SpeedTest {
  @Test
  void looksAtTheLastTwentySteps() {
    Speed speed = new Speed(0);
    assertThat(speed.tokensPerSecond()).isZero();
    assertThat(speed.timeFor(5)).isZero();
    for (int step = 1; step <= 30; step++) {
      speed.add(metrics(step, 100, step <= 10 ? 10 : 2), 1e9);
    }
    assertThat(speed.tokensPerSecond()).isCloseTo(50, within(1e-9));
    assertThat(speed.timeFor(5)).isEqualTo(Duration.ofSeconds(10));
  }

  @Test
  void comparesWhatStepsNeedWithTheRateOfTheMachine() {
    Speed speed = new Speed(200e9);
    assertThat(speed.utilization()).isNull();
    speed.add(metrics(1, 100, 2), 100e9);
    speed.add(metrics(2, 100, 1), 200e9);
    assertThat(speed.utilization()).isCloseTo(0.5, within(1e-12));
    assertThat(printed(false, speed))
        .startsWith("step 1/3  loss 2.5000  67 tokens/s (50 % of the machine)  ");
    Speed unknown = new Speed(0);
    unknown.add(metrics(1, 100, 2), 100e9);
    assertThat(unknown.utilization()).isNull();
  }

  @Test
  void writesTimesAsPeopleDo() {
    assertThat(Console.text(Duration.ofSeconds(12))).isEqualTo("12s");
    assertThat(Console.text(Duration.ofSeconds(200))).isEqualTo("3m 20s");
    assertThat(Console.text(Duration.ofSeconds(3900))).isEqualTo("1h 5m");
  }

  @Test
  void aTerminalShowsOneLineThatALogDoesNotLose() {
    Speed speed = new Speed(0);
    speed.add(metrics(1, 100, 2), 1e9);
    String line = "step 1/3  loss 2.5000  50 tokens/s  4s left";
    assertThat(printed(false, speed)).isEqualTo(line + "\nend\n");
    assertThat(printed(true, speed)).isEqualTo("\r\u001b[K" + line + "\nend\n");
  }

  private static String printed(boolean terminal, Speed speed) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Console console = new Console(new PrintStream(bytes, true, StandardCharsets.UTF_8), terminal);
    console.step(metrics(1, 100, 2), 3, speed);
    console.say("end");
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private static Metrics metrics(int step, int tokens, double seconds) {
    return new Metrics(
        step, 2.5, 1e-3, 1, tokens, tokens, null, null, null, tokens / seconds, seconds);
  }
}
