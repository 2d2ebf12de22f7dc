package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What clients ask before they ask for objects: API groups and resources, the version, and as much
 * of OpenAPI v3 as kubectl needs to validate on the server and to explain custom resources.
 */
final class Discovery {
  private static final List<String> VERBS =
      List.of("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch");

  private final ResourceTypes types;

  Discovery(ResourceTypes types) {
    this.types = types;
  }

  /** Answers a discovery path, or empty if it is none. */
  Optional<ObjectNode> answer(List<String> path) {
    return switch (String.join("/", path)) {
      case "version" -> Optional.of(version());
      case "api" -> Optional.of(coreVersions());
      case "apis" -> Optional.of(groups());
      case "api/v1" -> Optional.of(resources("", "v1"));
      case "openapi/v3" -> Optional.of(openApiPaths());
      case "openapi/v3/api/v1" -> Optional.of(openApi("", "v1"));
      default -> {
        if (path.getFirst().equals("apis") && path.size() == 2) {
          yield group(path.get(1));
        }
        if (path.getFirst().equals("apis") && path.size() == 3) {
          yield Optional.of(resources(path.get(1), path.get(2)));
        }
        if (path.size() == 5 && path.subList(0, 3).equals(List.of("openapi", "v3", "apis"))) {
          yield Optional.of(openApi(path.get(3), path.get(4)));
        }
        yield Optional.empty();
      }
    };
  }

  private static ObjectNode version() {
    return JsonText.object()
        .put("major", "1")
        .put("minor", "34")
        .put("gitVersion", "v1.34.0+embedded")
        .put("platform", "java");
  }

  private static ObjectNode coreVersions() {
    ObjectNode versions = JsonText.object().put("kind", "APIVersions");
    versions.putArray("versions").add("v1");
    return versions;
  }

  private ObjectNode groups() {
    ObjectNode list = JsonText.object().put("kind", "APIGroupList").put("apiVersion", "v1");
    ArrayNode groups = list.putArray("groups");
    for (String name : groupNames()) {
      group(name).ifPresent(groups::add);
    }
    return list;
  }

  private Optional<ObjectNode> group(String name) {
    List<ResourceType> members =
        types.all().stream().filter(type -> type.group().equals(name)).toList();
    if (members.isEmpty()) {
      return Optional.empty();
    }
    ObjectNode group =
        JsonText.object().put("kind", "APIGroup").put("apiVersion", "v1").put("name", name);
    ArrayNode versions = group.putArray("versions");
    members.stream()
        .map(ResourceType::version)
        .distinct()
        .forEach(
            version ->
                versions
                    .addObject()
                    .put("groupVersion", name + "/" + version)
                    .put("version", version));
    group.set("preferredVersion", versions.get(0));
    return Optional.of(group);
  }

  private Set<String> groupNames() {
    Set<String> names = new LinkedHashSet<>();
    types.all().forEach(type -> names.add(type.group()));
    names.remove("");
    return names;
  }

  private ObjectNode resources(String group, String version) {
    var members = types.of(group, version);
    if (members.isEmpty()) {
      throw ApiFailure.noSuchPath();
    }
    ObjectNode list = JsonText.object().put("kind", "APIResourceList").put("apiVersion", "v1");
    list.put("groupVersion", group.isEmpty() ? version : group + "/" + version);
    ArrayNode resources = list.putArray("resources");
    for (ResourceType type : members) {
      ObjectNode resource = resource(resources, type, type.plural());
      resource.put("singularName", type.singular());
      VERBS.forEach(resource.putArray("verbs")::add);
      type.shortNames().forEach(resource.putArray("shortNames")::add);
      if (type.status()) {
        ArrayNode verbs =
            resource(resources, type, type.plural() + "/status")
                .put("singularName", "")
                .putArray("verbs");
        List.of("get", "patch", "update").forEach(verbs::add);
      }
    }
    return list;
  }

  private static ObjectNode resource(ArrayNode resources, ResourceType type, String name) {
    return resources
        .addObject()
        .put("name", name)
        .put("namespaced", type.namespaced())
        .put("kind", type.kind());
  }

  private ObjectNode openApiPaths() {
    ObjectNode document = JsonText.object();
    ObjectNode paths = document.putObject("paths");
    paths.putObject("api/v1").put("serverRelativeURL", "/openapi/v3/api/v1?hash=1");
    for (ResourceType type : types.all()) {
      if (!type.group().isEmpty()) {
        String path = "apis/" + type.apiVersion();
        paths.putObject(path).put("serverRelativeURL", "/openapi/v3/" + path + "?hash=1");
      }
    }
    return document;
  }

  private ObjectNode openApi(String group, String version) {
    ObjectNode document = JsonText.object().put("openapi", "3.0.0");
    document.putObject("info").put("title", "Kubernetes").put("version", "v1.34.0");
    ObjectNode paths = document.putObject("paths");
    ObjectNode schemas = document.putObject("components").putObject("schemas");
    for (ResourceType type : types.of(group, version)) {
      String root = group.isEmpty() ? "/api/v1/" : "/apis/" + type.apiVersion() + "/";
      String namespace = type.namespaced() ? "namespaces/{namespace}/" : "";
      ObjectNode operation =
          paths.putObject(root + namespace + type.plural() + "/{name}").putObject("patch");
      kind(operation.putObject("x-kubernetes-group-version-kind"), type);
      ArrayNode parameters = operation.putArray("parameters");
      for (String name : List.of("dryRun", "fieldManager", "fieldValidation", "force")) {
        parameters
            .addObject()
            .put("name", name)
            .put("in", "query")
            .putObject("schema")
            .put("type", "string");
      }
      operation.putObject("responses");
      if (type.schema().isPresent()) {
        ObjectNode schema = type.schema().get().root().deepCopy();
        kind(schema.putArray("x-kubernetes-group-version-kind").addObject(), type);
        schemas.set(type.apiVersion().replace('/', '.') + "." + type.kind(), schema);
      }
    }
    return document;
  }

  private static void kind(ObjectNode node, ResourceType type) {
    node.put("group", type.group()).put("version", type.version()).put("kind", type.kind());
  }
}
