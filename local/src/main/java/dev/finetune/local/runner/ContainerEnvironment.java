package dev.finetune.local.runner;

import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarSource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The environment of a pod's process: what its container states, resolved. */
final class ContainerEnvironment {
  /** What a process needs of this machine; everything else is the container's. */
  private static final List<String> OF_THE_MACHINE =
      List.of("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "JAVA_HOME", "LD_LIBRARY_PATH");

  private static final Pattern REFERENCE = Pattern.compile("\\$\\((?<name>[A-Za-z_][\\w.-]*)\\)");

  private final KubernetesClient client;
  private final Pod pod;

  ContainerEnvironment(KubernetesClient client, Pod pod) {
    this.client = client;
    this.pod = pod;
  }

  /** Returns the variables of the machine that every process gets. */
  static Map<String, String> ofTheMachine() {
    Map<String, String> variables = new HashMap<>();
    for (String name : OF_THE_MACHINE) {
      String value = System.getenv(name);
      if (value != null) {
        variables.put(name, value);
      }
    }
    return variables;
  }

  /**
   * Returns the variables that the container states.
   *
   * @throws PodCannotStart if one names a Secret or ConfigMap key that is not there
   */
  Map<String, String> resolve() throws PodCannotStart {
    Map<String, String> variables = new LinkedHashMap<>();
    for (EnvVar variable : PodFolder.container(pod).getEnv()) {
      if (variable.getValueFrom() != null) {
        Optional<String> value = from(variable.getName(), variable.getValueFrom());
        value.ifPresent(text -> variables.put(variable.getName(), text));
      } else {
        String value = variable.getValue() == null ? "" : variable.getValue();
        variables.put(variable.getName(), expand(value, variables));
      }
    }
    return variables;
  }

  /** Replaces {@code $(NAME)} by the value of the variable, where there is one. */
  static String expand(String text, Map<String, String> variables) {
    return REFERENCE
        .matcher(text)
        .replaceAll(
            found ->
                Matcher.quoteReplacement(
                    variables.getOrDefault(found.group("name"), found.group())));
  }

  private Optional<String> from(String name, EnvVarSource source) throws PodCannotStart {
    String namespace = pod.getMetadata().getNamespace();
    if (source.getSecretKeyRef() != null) {
      var key = source.getSecretKeyRef();
      return value(
          "secret",
          key.getName(),
          key.getKey(),
          Boolean.TRUE.equals(key.getOptional()),
          PodFolder.secret(client, namespace, key.getName()));
    }
    if (source.getConfigMapKeyRef() != null) {
      var key = source.getConfigMapKeyRef();
      return value(
          "configmap",
          key.getName(),
          key.getKey(),
          Boolean.TRUE.equals(key.getOptional()),
          PodFolder.configMap(client, namespace, key.getName()));
    }
    String path = source.getFieldRef() == null ? "" : source.getFieldRef().getFieldPath();
    return switch (path) {
      case "metadata.name" -> Optional.of(pod.getMetadata().getName());
      case "metadata.namespace" -> Optional.of(namespace);
      case "metadata.uid" -> Optional.of(pod.getMetadata().getUid());
      case "spec.nodeName" -> Optional.of(pod.getSpec().getNodeName());
      default -> throw new PodCannotStart("env " + name + ": unsupported source here");
    };
  }

  private static Optional<String> value(
      String kind, String name, String key, boolean optional, Optional<Map<String, byte[]>> data)
      throws PodCannotStart {
    Optional<String> value =
        data.flatMap(all -> Optional.ofNullable(all.get(key)))
            .map(bytes -> new String(bytes, StandardCharsets.UTF_8));
    if (value.isPresent() || optional) {
      return value;
    }
    throw data.isEmpty()
        ? PodFolder.missing(kind, name)
        : new PodCannotStart("couldn't find key %s in %s %s".formatted(key, kind, name));
  }
}
