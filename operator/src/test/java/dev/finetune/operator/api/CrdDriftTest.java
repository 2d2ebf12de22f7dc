package dev.finetune.operator.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CrdDriftTest {
  private static final Path FILE = Path.of("../crds/finetunejobs.finetune.dev-v1.yml");
  private static final String UPDATE =
      "mvn -pl operator -am test -Dtest=CrdDriftTest -Dcrd.update=true"
          + " -Dsurefire.failIfNoSpecifiedTests=false";

  @Test
  void theCommittedFileIsWhatTheRecordsSay() throws IOException {
    String expected = CrdFile.text();
    if (Boolean.getBoolean("crd.update")) {
      Files.createDirectories(FILE.getParent());
      Files.writeString(FILE, expected, StandardCharsets.UTF_8);
    }

    assertThat(FILE).as("generate it: %s", UPDATE).exists();
    assertThat(Files.readString(FILE, StandardCharsets.UTF_8))
        .as("crds/%s is not what the records say; generate it anew: %s", FILE.getFileName(), UPDATE)
        .isEqualTo(expected);
  }

  @Test
  void everyTextListAndMapOfTheSpecIsBounded() {
    List<String> unbounded = new ArrayList<>();
    collectUnbounded("spec", schema("spec"), unbounded);

    // The API server estimates what rules cost from these bounds.
    assertThat(unbounded).containsExactly("spec.pod.affinity");
  }

  @Test
  void everyNumberOfTheSpecIsBounded() {
    List<String> open = new ArrayList<>();
    collectOpenNumbers("spec", schema("spec"), open);

    assertThat(open).isEmpty();
  }

  @Test
  void everyFieldIsDescribed() {
    List<String> undescribed = new ArrayList<>();
    collectUndescribed("spec", schema("spec"), undescribed);
    collectUndescribed("status", schema("status"), undescribed);

    assertThat(undescribed).isEmpty();
  }

  private static JsonNode schema(String part) {
    return CrdFile.crd().at("/spec/versions/0/schema/openAPIV3Schema/properties/" + part);
  }

  private static void collectUnbounded(String path, JsonNode schema, List<String> found) {
    String bound =
        switch (schema.path("type").asText()) {
          case "string" -> schema.has("enum") ? null : "maxLength";
          case "array" -> "maxItems";
          case "object" -> schema.has("properties") ? null : "maxProperties";
          case "" -> "maxLength";
          default -> null;
        };
    if (bound != null && !schema.has(bound)) {
      found.add(path);
    }
    children(path, schema).forEach(child -> collectUnbounded(child.path, child.schema, found));
  }

  private static void collectOpenNumbers(String path, JsonNode schema, List<String> found) {
    String type = schema.path("type").asText();
    if ((type.equals("integer") || type.equals("number"))
        && !(schema.has("minimum") && schema.has("maximum"))) {
      found.add(path);
    }
    children(path, schema).forEach(child -> collectOpenNumbers(child.path, child.schema, found));
  }

  private static void collectUndescribed(String path, JsonNode schema, List<String> found) {
    if (!schema.has("description") && !path.endsWith("[]")) {
      found.add(path);
    }
    children(path, schema).forEach(child -> collectUndescribed(child.path, child.schema, found));
  }

  private static List<Place> children(String path, JsonNode schema) {
    List<Place> places = new ArrayList<>();
    schema
        .path("properties")
        .properties()
        .forEach(entry -> places.add(new Place(path + "." + entry.getKey(), entry.getValue())));
    for (String content : List.of("items", "additionalProperties")) {
      if (schema.has(content)) {
        places.add(new Place(path + "[]", schema.get(content)));
      }
    }
    return places;
  }

  private record Place(String path, JsonNode schema) {}
}
