package dev.finetune.operator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.spec.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The part of OpenAPI v3 that the CRD uses, checked value by value; a keyword of the schema that is
 * not known here is an error, so that none is passed over.
 */
final class StructuralRules {
  private static final List<String> KNOWN =
      List.of(
          "type",
          "properties",
          "required",
          "items",
          "additionalProperties",
          "enum",
          "anyOf",
          "minimum",
          "maximum",
          "exclusiveMinimum",
          "exclusiveMaximum",
          "minLength",
          "maxLength",
          "pattern",
          "minItems",
          "maxItems",
          "maxProperties",
          "default",
          "description",
          "x-kubernetes-validations",
          "x-kubernetes-int-or-string",
          "x-kubernetes-preserve-unknown-fields",
          "x-kubernetes-list-type",
          "x-kubernetes-list-map-keys");

  private final List<Violation> violations = new ArrayList<>();

  private StructuralRules() {}

  static List<Violation> check(String path, JsonNode value, JsonNode schema) {
    StructuralRules rules = new StructuralRules();
    rules.value(path, value, schema);
    return rules.violations;
  }

  private void value(String path, JsonNode value, JsonNode schema) {
    schema
        .fieldNames()
        .forEachRemaining(
            keyword -> {
              if (!KNOWN.contains(keyword)) {
                throw new IllegalStateException(
                    "the schema has a keyword that is not checked: " + keyword);
              }
            });
    if (!hasType(value, schema)) {
      report(path, "wrong type");
      return;
    }
    if (schema.has("enum") && !contains(schema.get("enum"), value)) {
      report(path, "not one of " + schema.get("enum"));
    }
    if (value.isNumber()) {
      number(path, value, schema);
    } else if (value.isTextual()) {
      text(path, value.textValue(), schema);
    } else if (value.isArray()) {
      array(path, value, schema);
    } else if (value instanceof ObjectNode object) {
      object(path, object, schema);
    }
  }

  private static boolean hasType(JsonNode value, JsonNode schema) {
    if (schema.path("x-kubernetes-int-or-string").asBoolean()) {
      return value.isTextual() || value.isIntegralNumber();
    }
    return switch (schema.get("type").textValue()) {
      case "string" -> value.isTextual();
      case "boolean" -> value.isBoolean();
      case "array" -> value.isArray();
      case "object" -> value.isObject();
      case "number" -> value.isNumber();
      case "integer" ->
          value.isIntegralNumber()
              ? value.canConvertToLong()
              : value.isNumber() && value.doubleValue() % 1 == 0;
      default -> throw new IllegalStateException("unknown type " + schema);
    };
  }

  private static boolean contains(JsonNode list, JsonNode value) {
    for (JsonNode item : list) {
      if (item.equals(value)) {
        return true;
      }
    }
    return false;
  }

  private void number(String path, JsonNode value, JsonNode schema) {
    if (schema.has("minimum")) {
      int order = value.decimalValue().compareTo(schema.get("minimum").decimalValue());
      if (order < 0 || (order == 0 && schema.path("exclusiveMinimum").asBoolean())) {
        report(path, "too small");
      }
    }
    if (schema.has("maximum")) {
      int order = value.decimalValue().compareTo(schema.get("maximum").decimalValue());
      if (order > 0 || (order == 0 && schema.path("exclusiveMaximum").asBoolean())) {
        report(path, "too large");
      }
    }
  }

  private void text(String path, String text, JsonNode schema) {
    int length = text.codePointCount(0, text.length());
    size(path, length, schema, "minLength", "maxLength");
    if (schema.has("pattern")
        && !Pattern.compile(schema.get("pattern").textValue()).matcher(text).find()) {
      report(path, "does not match");
    }
  }

  private void array(String path, JsonNode array, JsonNode schema) {
    size(path, array.size(), schema, "minItems", "maxItems");
    for (int i = 0; i < array.size(); i++) {
      value(path + "[" + i + "]", array.get(i), schema.get("items"));
    }
  }

  private void object(String path, ObjectNode object, JsonNode schema) {
    String prefix = path.isEmpty() ? "" : path + ".";
    size(path, object.size(), schema, "minProperties", "maxProperties");
    schema
        .path("required")
        .forEach(
            name -> {
              if (!object.has(name.textValue())) {
                report(prefix + name.textValue(), "required");
              }
            });
    object
        .properties()
        .forEach(
            entry -> {
              String name = entry.getKey();
              if (schema.path("properties").has(name)) {
                value(prefix + name, entry.getValue(), schema.get("properties").get(name));
              } else if (schema.has("additionalProperties")) {
                value(
                    path + "[" + name + "]", entry.getValue(), schema.get("additionalProperties"));
              } else if (!schema.path("x-kubernetes-preserve-unknown-fields").asBoolean()) {
                report(prefix + name, "unknown field");
              }
            });
  }

  private void size(String path, int size, JsonNode schema, String least, String most) {
    if (schema.has(least) && size < schema.get(least).intValue()) {
      report(path, "too short");
    }
    if (schema.has(most) && size > schema.get(most).intValue()) {
      report(path, "too long");
    }
  }

  private void report(String path, String message) {
    violations.add(new Violation(path, message));
  }
}
