package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** The kinds of objects that the server knows: a list of built-in ones and those of the CRDs. */
final class ResourceTypes {
  private static final List<ResourceType> BUILT_IN =
      List.of(
          ResourceType.builtIn("", "v1", "Namespace", "namespaces", "cluster status", "ns"),
          ResourceType.builtIn("", "v1", "Node", "nodes", "cluster status", "no"),
          ResourceType.builtIn("", "v1", "Pod", "pods", "status", "po"),
          ResourceType.builtIn("", "v1", "ConfigMap", "configmaps", "", "cm"),
          ResourceType.builtIn("", "v1", "Secret", "secrets", ""),
          ResourceType.builtIn("", "v1", "Service", "services", "status", "svc"),
          ResourceType.builtIn("", "v1", "ServiceAccount", "serviceaccounts", "", "sa"),
          ResourceType.builtIn("", "v1", "Event", "events", "", "ev"),
          ResourceType.builtIn(
              "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "status", "pvc"),
          ResourceType.builtIn("events.k8s.io", "v1", "Event", "events", ""),
          ResourceType.builtIn("apps", "v1", "Deployment", "deployments", "status generation"),
          ResourceType.builtIn("batch", "v1", "Job", "jobs", "status generation"),
          ResourceType.builtIn("coordination.k8s.io", "v1", "Lease", "leases", ""),
          ResourceType.builtIn(
              "scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "cluster", "pc"),
          ResourceType.builtIn("rbac.authorization.k8s.io", "v1", "Role", "roles", ""),
          ResourceType.builtIn(
              "rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", ""),
          ResourceType.builtIn(
              "rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "cluster"),
          ResourceType.builtIn(
              "rbac.authorization.k8s.io",
              "v1",
              "ClusterRoleBinding",
              "clusterrolebindings",
              "cluster"),
          ResourceType.builtIn(
              "apiextensions.k8s.io",
              "v1",
              "CustomResourceDefinition",
              "customresourcedefinitions",
              "cluster status generation",
              "crd",
              "crds"));

  private final Map<String, List<ResourceType>> custom = new ConcurrentHashMap<>();

  /** Returns all types, built-in ones first. */
  List<ResourceType> all() {
    List<ResourceType> all = new ArrayList<>(BUILT_IN);
    custom.values().forEach(all::addAll);
    return all;
  }

  Optional<ResourceType> find(String group, String version, String plural) {
    return all().stream()
        .filter(type -> type.is(group, plural) && type.version().equals(version))
        .findFirst();
  }

  ResourceType require(String group, String version, String plural) {
    return find(group, version, plural).orElseThrow(ApiFailure::noSuchPath);
  }

  /** Returns the types of an API group and version. */
  Collection<ResourceType> of(String group, String version) {
    return all().stream()
        .filter(type -> type.group().equals(group) && type.version().equals(version))
        .toList();
  }

  /** Serves the kinds of a CustomResourceDefinition from now on. */
  void define(JsonNode definition) {
    custom.put(definition.path("metadata").path("name").asText(), ResourceType.custom(definition));
  }

  /** Serves the kinds of a CustomResourceDefinition no longer. */
  void undefine(String name) {
    custom.remove(name);
  }
}
