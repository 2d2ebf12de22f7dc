package dev.finetune.operator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Defaulting of structural schemas: nulls of declared fields are dropped, then defaults filled in.
 */
final class SchemaDefaults {
  private SchemaDefaults() {}

  /** Changes the value in place. */
  static void apply(JsonNode value, JsonNode schema) {
    if (value instanceof ObjectNode object) {
      schema
          .path("properties")
          .properties()
          .forEach(entry -> field(object, entry.getKey(), entry.getValue()));
      if (schema.has("additionalProperties")) {
        object.forEach(item -> apply(item, schema.get("additionalProperties")));
      }
    } else if (value.isArray() && schema.has("items")) {
      value.forEach(item -> apply(item, schema.get("items")));
    }
  }

  private static void field(ObjectNode object, String name, JsonNode schema) {
    if (object.path(name).isNull()) {
      object.remove(name);
    }
    if (!object.has(name) && schema.has("default")) {
      object.set(name, schema.get("default").deepCopy());
    }
    if (object.has(name)) {
      apply(object.get(name), schema);
    }
  }
}
