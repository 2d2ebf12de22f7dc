package dev.finetune.local;

import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * Where a local stack finds and keeps its things.
 *
 * @param definitions folder of the CustomResourceDefinitions
 * @param launcher program that trains
 * @param state folder of objects, pods and the kubeconfig; made if absent
 * @param port port of the API server, 0 for a free one
 * @param output told each line that a pod prints
 */
public record LocalStackOptions(
    Path definitions, Path launcher, Path state, int port, Consumer<String> output) {
  /** Returns the options of a checkout of the project. */
  public static LocalStackOptions in(Path home, Path state) {
    return new LocalStackOptions(
        home.resolve("crds"), home.resolve("trainer-image/bin/trainer"), state, 0, line -> {});
  }

  /** Returns these options with another port of the API server. */
  public LocalStackOptions port(int apiPort) {
    return new LocalStackOptions(definitions, launcher, state, apiPort, output);
  }

  /** Returns these options with another listener to what pods print. */
  public LocalStackOptions output(Consumer<String> listener) {
    return new LocalStackOptions(definitions, launcher, state, port, listener);
  }
}
