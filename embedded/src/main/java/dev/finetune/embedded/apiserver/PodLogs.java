package dev.finetune.embedded.apiserver;

import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/** Where the output of pods is; whoever plays the kubelet knows. */
@FunctionalInterface
public interface PodLogs {
  /**
   * Opens what a pod has printed so far. The caller closes it.
   *
   * @param namespace namespace of the pod
   * @param pod name of the pod
   * @return the output, or empty if the pod never ran here
   * @throws IOException if it cannot be read
   */
  Optional<InputStream> open(String namespace, String pod) throws IOException;
}
