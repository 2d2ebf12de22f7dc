package dev.finetune.trainer.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A trainer as people start it, by {@code trainer-image/bin/java-options}; killed when closed. */
final class TrainerProcess implements AutoCloseable {
  /** Longest wait for anything; a machine may be slow, and a test must end. */
  static final Duration PATIENCE = Duration.ofMinutes(15);

  private static final String START =
      ". \"$OPTIONS\"; exec \"$JAVA\" \"${TRAINER_JAVA_OPTIONS[@]}\" -cp \"$CLASSES\" \"$@\"";
  private static final Set<Process> STARTED = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> STARTED.forEach(Process::destroyForcibly), "no-orphans"));
  }

  private final Process process;
  private final Path log;
  private final Path metrics;

  private TrainerProcess(Process process, Path log, Path metrics) {
    this.process = process;
    this.log = log;
    this.metrics = metrics;
  }

  /**
   * Starts one.
   *
   * @param folder for its work, its log and its metrics; made if absent
   * @param main main class that takes the arguments of {@code trainer run}
   * @param variables variables besides those of this process
   */
  static TrainerProcess start(
      Path folder, ChaosJob job, String storage, Class<?> main, Map<String, String> variables)
      throws IOException {
    Files.createDirectories(folder.resolve("tmp"));
    Path log = Files.createTempFile(folder, "trainer", ".log");
    Path metrics = Files.createTempFile(folder, "steps", ".jsonl");
    ProcessBuilder builder =
        new ProcessBuilder(
            List.of(
                "bash",
                "-c",
                START,
                "trainer",
                main.getName(),
                "run",
                "--job",
                job.file().toString(),
                "--storage",
                storage,
                "--metrics",
                metrics.toString()));
    Map<String, String> environment = builder.environment();
    environment.put("OPTIONS", Path.of("bin/java-options").toAbsolutePath().toString());
    environment.put("JAVA", ProcessHandle.current().info().command().orElseThrow());
    environment.put("CLASSES", System.getProperty("java.class.path"));
    environment.put("FINETUNE_OWNER", "chaos");
    environment.put("FINETUNE_WORK", folder.resolve("work").toString());
    environment.put("FINETUNE_JAVA_OPTS", "-Djava.io.tmpdir=" + folder.resolve("tmp"));
    environment.putAll(variables);
    builder.redirectErrorStream(true).redirectOutput(log.toFile());
    Process process = builder.start();
    STARTED.add(process);
    return new TrainerProcess(process, log, metrics);
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Sends a signal that ends it. */
  void send(Kill.Signal signal) {
    switch (signal) {
      case SIGKILL -> process.destroyForcibly();
      case SIGTERM -> process.destroy();
    }
  }

  /** Sends SIGSTOP: it does nothing any more until {@link #goOn}. */
  void stop() throws IOException, InterruptedException {
    signal("STOP");
  }

  /** Sends SIGCONT. */
  void goOn() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start();
    if (kill.waitFor() != 0) {
      throw new IllegalStateException("kill -" + name + " failed: " + kill.waitFor());
    }
  }

  /** Waits until it has ended and returns its exit status. */
  int exitStatus() throws InterruptedException, TimeoutException, IOException {
    if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      throw new TimeoutException("trainer does not end; it said:\n" + output());
    }
    return process.exitValue();
  }

  /** Waits until it has reported a step, or has ended. */
  void awaitStep(int step) throws InterruptedException, TimeoutException, IOException {
    Instant end = Instant.now().plus(PATIENCE);
    while (isAlive() && lastStep() < step) {
      if (Instant.now().isAfter(end)) {
        throw new TimeoutException("trainer does not reach step " + step + ":\n" + output());
      }
      Thread.sleep(1);
    }
  }

  /** Returns the last step that it reported, or 0. */
  int lastStep() throws IOException {
    List<Integer> steps = steps();
    return steps.isEmpty() ? 0 : steps.getLast();
  }

  /** Returns the first step that it reported, or 0. */
  int firstStep() throws IOException {
    List<Integer> steps = steps();
    return steps.isEmpty() ? 0 : steps.getFirst();
  }

  private List<Integer> steps() throws IOException {
    String text = Files.readString(metrics, StandardCharsets.UTF_8);
    List<Integer> steps = new ArrayList<>();
    // A line may be cut short by the end of the process; its step is not reported then.
    for (String line : text.substring(0, text.lastIndexOf('\n') + 1).lines().toList()) {
      steps.add(new ObjectMapper().readTree(line).path("step").asInt());
    }
    return steps;
  }

  /** Returns what it said so far. */
  String output() throws IOException {
    return Files.readString(log, StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().join();
    STARTED.remove(process);
  }
}
