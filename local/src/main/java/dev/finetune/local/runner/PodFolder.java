package dev.finetune.local.runner;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.KeyToPath;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The folder of one pod: {@code root} stands for the root of its container, {@code log} holds what
 * it printed. A path of the container that lies on, under or above a mounted volume means the same
 * path under {@code root}.
 */
final class PodFolder {
  private final Path folder;
  private final Path claims;
  private final List<String> mountPaths;

  private PodFolder(Path folder, Path claims, List<String> mountPaths) {
    this.folder = folder;
    this.claims = claims;
    this.mountPaths = mountPaths;
  }

  /** Returns the folder of a pod below the folder of the runner; nothing is made yet. */
  static PodFolder of(Path runnerFolder, Pod pod) {
    String namespace = pod.getMetadata().getNamespace();
    Path folder = at(runnerFolder, namespace, pod.getMetadata().getName());
    List<String> mounts = new ArrayList<>();
    for (VolumeMount mount : container(pod).getVolumeMounts()) {
      mounts.add(mount.getMountPath());
    }
    return new PodFolder(folder, runnerFolder.resolve("claims").resolve(namespace), mounts);
  }

  static Path at(Path runnerFolder, String namespace, String pod) {
    return runnerFolder.resolve("pods").resolve(namespace + "." + pod);
  }

  static Container container(Pod pod) {
    return pod.getSpec().getContainers().getFirst();
  }

  Path log() {
    return folder.resolve("log");
  }

  Path root() {
    return folder.resolve("root");
  }

  /**
   * Makes the volumes of the pod.
   *
   * @throws PodCannotStart if one names something that is not there or is of an unsupported kind
   * @throws IOException if the disk refuses
   */
  void prepare(KubernetesClient client, Pod pod) throws IOException, PodCannotStart {
    Files.createDirectories(root());
    Map<String, Volume> volumes = new HashMap<>();
    pod.getSpec().getVolumes().forEach(volume -> volumes.put(volume.getName(), volume));
    for (VolumeMount mount : container(pod).getVolumeMounts()) {
      Volume volume = volumes.get(mount.getName());
      if (volume == null || mount.getSubPath() != null) {
        throw new PodCannotStart(
            "volume %s: must be a volume of the pod, mounted without subPath"
                .formatted(mount.getName()));
      }
      Path target = inside(mount.getMountPath());
      Files.createDirectories(target.getParent());
      fill(client, pod.getMetadata().getNamespace(), volume, target);
    }
  }

  /** Returns a text of the container with its paths replaced by those of this machine. */
  String translate(String text) {
    int equals = text.indexOf("=/");
    if (!text.startsWith("/") && equals > 0) {
      return text.substring(0, equals + 1) + translate(text.substring(equals + 1));
    }
    return isMounted(text) ? inside(text).toString() : text;
  }

  /** Removes the volumes; the log stays. */
  void removeVolumes() throws IOException {
    if (!Files.exists(root())) {
      return;
    }
    List<Path> all;
    try (Stream<Path> tree = Files.walk(root())) {
      all = tree.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : all) {
      Files.deleteIfExists(path);
    }
  }

  private boolean isMounted(String path) {
    return path.startsWith("/")
        && path.length() > 1
        && mountPaths.stream()
            .anyMatch(
                mount ->
                    path.equals(mount)
                        || path.startsWith(mount + "/")
                        || mount.startsWith(path + "/"));
  }

  private Path inside(String path) {
    Path resolved = root().resolve(path.substring(1)).normalize();
    if (!resolved.startsWith(root())) {
      throw new IllegalArgumentException("mountPath: must stay in the container, was " + path);
    }
    return resolved;
  }

  private void fill(KubernetesClient client, String namespace, Volume volume, Path target)
      throws IOException, PodCannotStart {
    if (volume.getEmptyDir() != null) {
      Files.createDirectories(target);
    } else if (volume.getPersistentVolumeClaim() != null) {
      Path claim = claims.resolve(volume.getPersistentVolumeClaim().getClaimName());
      Files.createDirectories(claim);
      if (!Files.exists(target)) {
        Files.createSymbolicLink(target, claim);
      }
    } else if (volume.getConfigMap() != null) {
      var source = volume.getConfigMap();
      Map<String, byte[]> data =
          configMap(client, namespace, source.getName())
              .orElseThrow(() -> missing("configmap", source.getName()));
      write(data, source.getItems(), target);
    } else if (volume.getSecret() != null) {
      var source = volume.getSecret();
      Map<String, byte[]> data =
          secret(client, namespace, source.getSecretName())
              .orElseThrow(() -> missing("secret", source.getSecretName()));
      write(data, source.getItems(), target);
    } else {
      throw new PodCannotStart(
          "volume %s: must be an emptyDir, configMap, secret or persistentVolumeClaim here"
              .formatted(volume.getName()));
    }
  }

  private static void write(Map<String, byte[]> data, List<KeyToPath> items, Path target)
      throws IOException, PodCannotStart {
    Files.createDirectories(target);
    Map<String, String> names = new HashMap<>();
    if (items.isEmpty()) {
      data.keySet().forEach(key -> names.put(key, key));
    }
    items.forEach(item -> names.put(item.getKey(), item.getPath()));
    for (Map.Entry<String, String> name : names.entrySet()) {
      byte[] content = data.get(name.getKey());
      Path file = target.resolve(name.getValue()).normalize();
      if (content == null || !file.startsWith(target)) {
        throw new PodCannotStart("volume: references a key that is not there: " + name.getKey());
      }
      Files.write(file, content);
    }
  }

  static Optional<Map<String, byte[]>> configMap(
      KubernetesClient client, String namespace, String name) {
    ConfigMap found = client.configMaps().inNamespace(namespace).withName(name).get();
    if (found == null) {
      return Optional.empty();
    }
    Map<String, byte[]> data = new HashMap<>();
    found.getData().forEach((key, text) -> data.put(key, text.getBytes(StandardCharsets.UTF_8)));
    found.getBinaryData().forEach((key, text) -> data.put(key, Base64.getDecoder().decode(text)));
    return Optional.of(data);
  }

  static Optional<Map<String, byte[]>> secret(
      KubernetesClient client, String namespace, String name) {
    Secret found = client.secrets().inNamespace(namespace).withName(name).get();
    if (found == null) {
      return Optional.empty();
    }
    Map<String, byte[]> data = new HashMap<>();
    found.getData().forEach((key, text) -> data.put(key, Base64.getDecoder().decode(text)));
    return Optional.of(data);
  }

  static PodCannotStart missing(String kind, String name) {
    return new PodCannotStart("%s \"%s\" not found".formatted(kind, name));
  }
}
