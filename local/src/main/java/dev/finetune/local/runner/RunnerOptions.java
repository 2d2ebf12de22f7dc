package dev.finetune.local.runner;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * How pods become processes.
 *
 * @param entrypoint command of containers that state none: program and first arguments
 * @param folder where pods keep their volumes and logs; made if absent
 * @param environment variables of every process, below those that its container states
 * @param output told each line that a pod prints, with the name of the pod in front
 */
public record RunnerOptions(
    List<String> entrypoint,
    Path folder,
    Map<String, String> environment,
    Consumer<String> output) {
  /** Copies the collections and makes the folder absolute. */
  public RunnerOptions {
    entrypoint = List.copyOf(entrypoint);
    environment = Map.copyOf(environment);
    folder = folder.toAbsolutePath().normalize();
  }

  /** Returns options for a launcher, without variables, and with output to log files only. */
  public static RunnerOptions of(Path launcher, Path folder) {
    return new RunnerOptions(
        List.of(launcher.toAbsolutePath().toString()), folder, Map.of(), line -> {});
  }

  /** Returns these options with other variables. */
  public RunnerOptions environment(Map<String, String> variables) {
    return new RunnerOptions(entrypoint, folder, variables, output);
  }

  /** Returns these options with another listener to what pods print. */
  public RunnerOptions output(Consumer<String> listener) {
    return new RunnerOptions(entrypoint, folder, environment, listener);
  }
}
