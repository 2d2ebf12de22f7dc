package dev.finetune.operator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.spec.Violation;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** What an API server checks of every object: its type, and the form of names and labels. */
final class MetadataRules {
  private static final String SUBDOMAIN = "[a-z0-9]([-a-z0-9.]*[a-z0-9])?";
  private static final String LABEL_VALUE = "([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?";
  private static final Set<String> FIELDS =
      Arrays.stream(ObjectMeta.class.getDeclaredFields())
          .map(field -> field.getName())
          .collect(Collectors.toSet());

  private MetadataRules() {}

  static List<Violation> check(ObjectNode object, JsonNode definition) {
    List<Violation> violations = new ArrayList<>();
    String version =
        definition.get("group").textValue() + "/" + definition.at("/versions/0/name").textValue();
    if (!object.path("apiVersion").asText().equals(version)) {
      violations.add(new Violation("apiVersion", "no such version"));
    }
    if (!object.path("kind").asText().equals(definition.at("/names/kind").textValue())) {
      violations.add(new Violation("kind", "no such kind"));
    }
    JsonNode metadata = object.path("metadata");
    String name = metadata.path("name").asText();
    if (name.length() > 253 || !name.matches(SUBDOMAIN)) {
      violations.add(new Violation("metadata.name", "not a subdomain"));
    }
    metadata
        .properties()
        .forEach(
            entry -> {
              if (!FIELDS.contains(entry.getKey())) {
                violations.add(new Violation("metadata." + entry.getKey(), "unknown field"));
              }
            });
    metadata
        .path("labels")
        .properties()
        .forEach(
            entry -> {
              String value = entry.getValue().asText();
              if (value.length() > 63 || !value.matches(LABEL_VALUE)) {
                violations.add(
                    new Violation("metadata.labels[" + entry.getKey() + "]", "not a label"));
              }
            });
    return violations;
  }
}
