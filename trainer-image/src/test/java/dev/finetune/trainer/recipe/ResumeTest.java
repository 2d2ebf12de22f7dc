package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.run.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Real processes that are killed, or asked to stop, and started again. */
@Timeout(value = 15, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ResumeTest {
  private static final int STEPS = 150;

  @TempDir private Path folder;

  @Test
  void trainsToTheSameBytesTwice() throws Exception {
    Path first = run(folder.resolve("first"), "fp32");
    Path second = run(folder.resolve("second"), "fp32");
    assertThat(second).hasSameBinaryContentAs(first);
    assertThat(second.resolveSibling("adapter_config.json"))
        .hasSameBinaryContentAs(first.resolveSibling("adapter_config.json"));
  }

  @ParameterizedTest
  @CsvSource({"fp32, true", "bf16, true", "fp32, false", "bf16, false"})
  void anInterruptedRunEndsWithTheBitsOfAnUninterruptedOne(String precision, boolean kill)
      throws Exception {
    Path uninterrupted = folder.resolve("uninterrupted");
    Path interrupted = folder.resolve("interrupted");
    Path expected = run(uninterrupted, precision);
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int interruption = 0; interruption < 2; interruption++) {
      int step = 5 + random.nextInt(20) + interruption * 30;
      interrupt(interrupted, precision, step, kill);
    }
    Path actual = run(interrupted, precision);
    assertThat(actual).as("seed %d", seed).hasSameBinaryContentAs(expected);
    assertThat(metrics(interrupted)).isEqualTo(metrics(uninterrupted));
  }

  /** Starts a process, and kills it or asks it to stop once it has done these many steps. */
  private void interrupt(Path storage, String precision, int step, boolean kill) throws Exception {
    Path progress = Files.createTempFile(folder, "steps", ".jsonl");
    Process process = start(storage, precision, "--metrics", progress.toString());
    try {
      interrupt(storage, process, progress, step, kill);
    } finally {
      process.destroyForcibly();
    }
  }

  private static void interrupt(
      Path storage, Process process, Path progress, int step, boolean kill) throws Exception {
    while (process.isAlive() && lastStep(progress) < step) {
      Thread.sleep(2);
    }
    if (kill) {
      process.destroyForcibly();
      process.waitFor();
    } else {
      process.destroy();
      assertThat(process.waitFor(300, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(ExitCode.YIELDED.code());
      int done = lastStep(progress);
      JsonNode head = new ObjectMapper().readTree(TrainingJobs.find(storage, "head.json").toFile());
      assertThat(head.path("latest").asInt()).as("no completed step is lost").isEqualTo(done);
    }
    assertThat(lastStep(progress)).as("it was in the middle").isBetween(step, STEPS - 1);
  }

  private static int lastStep(Path metrics) throws IOException {
    List<String> lines = Files.readAllLines(metrics);
    if (lines.isEmpty()) {
      return 0;
    }
    String last = lines.getLast();
    return last.endsWith("}") ? new ObjectMapper().readTree(last).path("step").asInt() : 0;
  }

  private Path run(Path storage, String precision) throws Exception {
    Process process = start(storage, precision);
    assertThat(process.waitFor(300, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isZero();
    try (Stream<Path> files = Files.walk(storage)) {
      return files
          .filter(file -> file.endsWith("adapter/adapter_model.safetensors"))
          .findFirst()
          .orElseThrow();
    }
  }

  private Process start(Path storage, String precision, String... more) throws IOException {
    Path job =
        new TrainingJobs(folder)
            .write(
                new TrainingJobs(folder)
                    .yaml(
                        "maxSteps: 12",
                        "maxSteps: " + STEPS,
                        "precision: fp32",
                        "precision: " + precision,
                        "everySteps: 5",
                        "everySteps: 7"));
    List<String> command =
        new ArrayList<>(
            List.of(
                ProcessHandle.current().info().command().orElseThrow(),
                "-Xmx256m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "run",
                "--job",
                job.toString(),
                "--storage",
                "file:" + storage));
    command.addAll(List.of(more));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder
        .environment()
        .putAll(
            Map.of("OMP_DYNAMIC", "FALSE", "MKL_DYNAMIC", "FALSE", "OMP_WAIT_POLICY", "PASSIVE"));
    builder.redirectErrorStream(true).redirectOutput(folder.resolve("trainer.log").toFile());
    return builder.start();
  }

  /** Returns what was measured at each step, of the highest attempt, without times. */
  private static Map<Integer, JsonNode> metrics(Path storage) throws IOException {
    Map<Integer, JsonNode> steps = new TreeMap<>();
    ObjectMapper mapper = new ObjectMapper();
    List<Path> parts;
    try (Stream<Path> files = Files.walk(storage)) {
      parts =
          files.filter(f -> f.getFileName().toString().startsWith("metrics-")).sorted().toList();
    }
    for (Path part : parts) {
      for (String line : Files.readAllLines(part)) {
        ObjectNode metrics = (ObjectNode) mapper.readTree(line);
        metrics.remove(List.of("seconds", "tokensPerSecond"));
        steps.put(metrics.path("step").asInt(), metrics);
      }
    }
    assertThat(steps).hasSize(STEPS);
    return steps;
  }
}
