package dev.finetune.local.runner;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The process of one pod and what it prints. */
final class RunningPod {
  private static final Logger LOG = LoggerFactory.getLogger(RunningPod.class);
  private static final int LAST_LINES = 80;
  private static final int LAST_CHARACTERS = 2048;
  private static final Duration LAST_OUTPUT = Duration.ofSeconds(2);

  private final Process process;
  private final Thread reader;
  private final Instant started = Instant.now();
  private final Deque<String> tail = new ArrayDeque<>();
  private @Nullable Instant killAt;

  private RunningPod(Process process, Path log, Consumer<String> output) {
    this.process = process;
    this.reader = Thread.ofVirtual().name("output of " + log).start(() -> copy(log, output));
  }

  /**
   * Starts a process.
   *
   * @param ended called, on some thread, once the process has ended
   * @throws IOException if it cannot be started
   */
  static RunningPod start(
      List<String> command,
      Map<String, String> environment,
      PodFolder folder,
      Consumer<String> output,
      Runnable ended)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.directory(folder.root().toFile());
    builder.redirectErrorStream(true);
    builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
    RunningPod pod = new RunningPod(builder.start(), folder.log(), output);
    Thread.ofVirtual().name("end of " + folder.log()).start(() -> pod.tellEnd(ended));
    return pod;
  }

  Instant started() {
    return started;
  }

  long pid() {
    return process.pid();
  }

  /** Returns the exit code, 128 and the signal for a killed process; empty while it runs. */
  OptionalInt exitCode() {
    return process.isAlive() ? OptionalInt.empty() : OptionalInt.of(process.exitValue());
  }

  /** Asks the process to stop, once; after the deadline {@link #killIfOverdue} kills it. */
  void terminate(Instant deadline) {
    if (killAt == null) {
      signal(process.toHandle(), false);
    }
    if (killAt == null || deadline.isBefore(killAt)) {
      killAt = deadline;
    }
  }

  void killIfOverdue(Instant now) {
    if (killAt != null && !now.isBefore(killAt)) {
      kill();
    }
  }

  /** Kills the process and its children with SIGKILL. */
  void kill() {
    process.descendants().forEach(child -> signal(child, true));
    signal(process.toHandle(), true);
  }

  /** By its handle: {@link Process#destroy} would also close the output, and lose last words. */
  private static void signal(ProcessHandle handle, boolean kill) {
    boolean sent = kill ? handle.destroyForcibly() : handle.destroy();
    LOG.debug("process {} was sent a signal: {}", handle.pid(), sent);
  }

  /** Waits until the process has ended or the deadline is there. */
  void await(Instant deadline) throws InterruptedException {
    Duration left = Duration.between(Instant.now(), deadline);
    if (!process.waitFor(left) && process.isAlive()) {
      kill();
      process.waitFor();
    }
  }

  /** Returns the last lines that were printed, as many as a termination message may hold. */
  String lastLines() throws InterruptedException {
    if (!reader.join(LAST_OUTPUT)) {
      LOG.debug("a child of process {} still holds its output", process.pid());
    }
    synchronized (tail) {
      String text = String.join("\n", tail);
      return text.substring(Math.max(0, text.length() - LAST_CHARACTERS));
    }
  }

  private void tellEnd(Runnable ended) {
    try {
      process.waitFor();
      ended.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void copy(Path log, Consumer<String> output) {
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
        BufferedWriter file = Files.newBufferedWriter(log)) {
      String line = lines.readLine();
      while (line != null) {
        file.write(line);
        file.newLine();
        file.flush();
        output.accept(line);
        synchronized (tail) {
          tail.addLast(line);
          if (tail.size() > LAST_LINES) {
            tail.removeFirst();
          }
        }
        line = lines.readLine();
      }
    } catch (IOException e) {
      LOG.warn("the output of process {} was cut off: {}", process.pid(), e.getMessage());
    }
  }
}
