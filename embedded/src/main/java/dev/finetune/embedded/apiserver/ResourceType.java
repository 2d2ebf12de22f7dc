package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A kind of object that the server keeps.
 *
 * @param group API group, empty for the core group
 * @param version API version
 * @param kind kind in CamelCase
 * @param plural name in paths
 * @param shortNames other names in kubectl
 * @param namespaced whether objects live in a namespace
 * @param status whether there is a status subresource
 * @param generation whether a change of the spec counts up {@code metadata.generation}
 * @param schema structural schema, for custom resources
 * @param columns printer columns of a custom resource
 * @param structure how lists merge
 */
record ResourceType(
    String group,
    String version,
    String kind,
    String plural,
    List<String> shortNames,
    boolean namespaced,
    boolean status,
    boolean generation,
    Optional<StructuralSchema> schema,
    List<Column> columns,
    MergeStructure structure) {

  /** A printer column of a CRD. */
  record Column(String name, String type, String description, int priority, PrinterPath path) {}

  /** Returns the API version as objects state it, such as {@code batch/v1}. */
  String apiVersion() {
    return group.isEmpty() ? version : group + "/" + version;
  }

  /** Returns the plural name with its group, such as {@code jobs.batch}. */
  String qualifiedPlural() {
    return group.isEmpty() ? plural : plural + "." + group;
  }

  String singular() {
    return kind.toLowerCase(Locale.ROOT);
  }

  String listKind() {
    return kind + "List";
  }

  boolean is(String wantedGroup, String wantedPlural) {
    return group.equals(wantedGroup) && plural.equals(wantedPlural);
  }

  static ResourceType builtIn(
      String group, String version, String kind, String plural, String traits, String... names) {
    return new ResourceType(
        group,
        version,
        kind,
        plural,
        List.of(names),
        !traits.contains("cluster"),
        traits.contains("status"),
        traits.contains("generation"),
        Optional.empty(),
        List.of(),
        MergeStructure.builtIn());
  }

  /** Returns the served versions of a CustomResourceDefinition as types. */
  static List<ResourceType> custom(JsonNode definition) {
    JsonNode spec = definition.path("spec");
    JsonNode names = spec.path("names");
    List<String> shortNames = new ArrayList<>();
    names.path("shortNames").forEach(name -> shortNames.add(name.asText()));
    List<ResourceType> types = new ArrayList<>();
    for (JsonNode version : spec.path("versions")) {
      if (!version.path("served").asBoolean()) {
        continue;
      }
      JsonNode schema = version.path("schema").path("openAPIV3Schema");
      types.add(
          new ResourceType(
              spec.path("group").asText(),
              version.path("name").asText(),
              names.path("kind").asText(),
              names.path("plural").asText(),
              shortNames,
              spec.path("scope").asText().equals("Namespaced"),
              version.path("subresources").has("status"),
              true,
              schema.isMissingNode() ? Optional.empty() : Optional.of(new StructuralSchema(schema)),
              columns(version.path("additionalPrinterColumns")),
              MergeStructure.of(schema)));
    }
    return types;
  }

  private static List<Column> columns(JsonNode list) {
    List<Column> columns = new ArrayList<>();
    for (JsonNode column : list) {
      columns.add(
          new Column(
              column.path("name").asText(),
              column.path("type").asText(),
              column.path("description").asText(""),
              column.path("priority").asInt(0),
              PrinterPath.parse(column.path("jsonPath").asText())));
    }
    return columns;
  }
}
