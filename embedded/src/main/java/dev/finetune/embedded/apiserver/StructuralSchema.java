package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The structural schema of a custom resource: defaults, unknown fields and values out of bounds.
 * CEL rules are not evaluated.
 *
 * @param root {@code openAPIV3Schema} of a version of a CRD
 */
record StructuralSchema(JsonNode root) {
  private static final Set<String> ROOT_FIELDS = Set.of("apiVersion", "kind", "metadata");

  /** Sets the defaults of absent fields, and drops nulls that the schema does not allow. */
  void applyDefaults(ObjectNode object) {
    applyDefaults(root, object);
  }

  /** Removes fields that the schema does not know and returns their paths. */
  List<String> prune(ObjectNode object) {
    List<String> unknown = new ArrayList<>();
    for (String name : names(object)) {
      JsonNode property = root.path("properties").path(name);
      if (ROOT_FIELDS.contains(name)) {
        continue;
      }
      if (property.isMissingNode()) {
        unknown.add(name);
        object.remove(name);
      } else {
        prune(property, object.get(name), name, unknown);
      }
    }
    return unknown;
  }

  /** Returns what the schema refuses. */
  List<ApiFailure.Cause> validate(ObjectNode object) {
    List<ApiFailure.Cause> causes = new ArrayList<>();
    for (var property : root.path("properties").properties()) {
      String name = property.getKey();
      if (!ROOT_FIELDS.contains(name) && object.has(name)) {
        validate(property.getValue(), object.get(name), name, causes);
      }
    }
    for (JsonNode required : root.path("required")) {
      if (!object.has(required.asText())) {
        causes.add(missing(required.asText()));
      }
    }
    return causes;
  }

  private static void applyDefaults(JsonNode schema, JsonNode value) {
    if (value instanceof ObjectNode object) {
      for (var property : schema.path("properties").properties()) {
        String name = property.getKey();
        JsonNode inner = property.getValue();
        if (object.path(name).isNull() && !inner.path("nullable").asBoolean()) {
          object.remove(name);
        }
        if (!object.has(name) && inner.has("default")) {
          object.set(name, inner.get("default").deepCopy());
        }
        if (object.has(name)) {
          applyDefaults(inner, object.get(name));
        }
      }
      if (schema.path("additionalProperties").isObject()) {
        object.forEach(each -> applyDefaults(schema.path("additionalProperties"), each));
      }
    } else if (value.isArray()) {
      value.forEach(item -> applyDefaults(schema.path("items"), item));
    }
  }

  private static void prune(JsonNode schema, JsonNode value, String path, List<String> unknown) {
    if (value instanceof ObjectNode object) {
      boolean keeps = schema.path("x-kubernetes-preserve-unknown-fields").asBoolean();
      JsonNode additional = schema.path("additionalProperties");
      for (String name : names(object)) {
        String at = path + "." + name;
        JsonNode property = schema.path("properties").path(name);
        if (!property.isMissingNode()) {
          prune(property, object.get(name), at, unknown);
        } else if (additional.isObject()) {
          prune(additional, object.get(name), at, unknown);
        } else if (!keeps && !additional.asBoolean()) {
          unknown.add(at);
          object.remove(name);
        }
      }
    } else if (value instanceof ArrayNode list) {
      for (int i = 0; i < list.size(); i++) {
        prune(schema.path("items"), list.get(i), path + "[" + i + "]", unknown);
      }
    }
  }

  private static void validate(
      JsonNode schema, JsonNode value, String path, List<ApiFailure.Cause> causes) {
    if (value.isNull() && schema.path("nullable").asBoolean()) {
      return;
    }
    if (!hasType(schema, value)) {
      causes.add(
          wrong(
              path,
              value,
              "in body must be of type " + typeName(schema) + ": \"" + typeOf(value) + "\""));
      return;
    }
    if (schema.has("enum") && !contains(schema.path("enum"), value)) {
      List<String> values = new ArrayList<>();
      schema.path("enum").forEach(one -> values.add('"' + one.asText() + '"'));
      causes.add(
          new ApiFailure.Cause(
              "FieldValueNotSupported",
              path,
              "Unsupported value: %s: supported values: %s"
                  .formatted(JsonText.text(value), String.join(", ", values))));
    }
    if (value.isNumber()) {
      validateNumber(schema, value, path, causes);
    } else if (value.isTextual()) {
      validateText(schema, value, path, causes);
    } else if (value.isArray()) {
      validateList(schema, value, path, causes);
    } else if (value.isObject()) {
      validateObject(schema, value, path, causes);
    }
  }

  private static void validateNumber(
      JsonNode schema, JsonNode value, String path, List<ApiFailure.Cause> causes) {
    double number = value.asDouble();
    if (schema.has("minimum")) {
      double limit = schema.path("minimum").asDouble();
      boolean exclusive = schema.path("exclusiveMinimum").asBoolean();
      if (exclusive ? number <= limit : number < limit) {
        String than = exclusive ? "greater than " : "greater than or equal to ";
        causes.add(wrong(path, value, "in body should be " + than + plain(limit)));
      }
    }
    if (schema.has("maximum")) {
      double limit = schema.path("maximum").asDouble();
      boolean exclusive = schema.path("exclusiveMaximum").asBoolean();
      if (exclusive ? number >= limit : number > limit) {
        String than = exclusive ? "less than " : "less than or equal to ";
        causes.add(wrong(path, value, "in body should be " + than + plain(limit)));
      }
    }
  }

  private static void validateText(
      JsonNode schema, JsonNode value, String path, List<ApiFailure.Cause> causes) {
    int length = value.asText().codePointCount(0, value.asText().length());
    if (length < schema.path("minLength").asInt(0)) {
      causes.add(
          wrong(
              path,
              value,
              "in body should be at least " + schema.path("minLength").asInt() + " chars long"));
    }
    if (length > schema.path("maxLength").asInt(Integer.MAX_VALUE)) {
      causes.add(
          new ApiFailure.Cause(
              "FieldValueTooLong",
              path,
              "Too long: may not be more than %d bytes"
                  .formatted(schema.path("maxLength").asInt())));
    }
    if (schema.has("pattern")
        && !Pattern.compile(schema.path("pattern").asText()).matcher(value.asText()).find()) {
      causes.add(
          wrong(path, value, "in body should match '" + schema.path("pattern").asText() + "'"));
    }
  }

  private static void validateList(
      JsonNode schema, JsonNode value, String path, List<ApiFailure.Cause> causes) {
    if (value.size() < schema.path("minItems").asInt(0)) {
      causes.add(
          wrong(
              path,
              value,
              "in body should have at least " + schema.path("minItems").asInt() + " items"));
    }
    if (value.size() > schema.path("maxItems").asInt(Integer.MAX_VALUE)) {
      causes.add(
          new ApiFailure.Cause(
              "FieldValueTooMany",
              path,
              "Too many: %d: must have at most %d items"
                  .formatted(value.size(), schema.path("maxItems").asInt())));
    }
    for (int i = 0; i < value.size(); i++) {
      validate(schema.path("items"), value.get(i), path + "[" + i + "]", causes);
    }
  }

  private static void validateObject(
      JsonNode schema, JsonNode value, String path, List<ApiFailure.Cause> causes) {
    for (JsonNode required : schema.path("required")) {
      if (!value.has(required.asText())) {
        causes.add(missing(path + "." + required.asText()));
      }
    }
    JsonNode additional = schema.path("additionalProperties");
    for (var field : value.properties()) {
      JsonNode property = schema.path("properties").path(field.getKey());
      String at = path + "." + field.getKey();
      if (!property.isMissingNode()) {
        validate(property, field.getValue(), at, causes);
      } else if (additional.isObject()) {
        validate(additional, field.getValue(), at, causes);
      }
    }
  }

  private static boolean hasType(JsonNode schema, JsonNode value) {
    if (schema.path("x-kubernetes-int-or-string").asBoolean()) {
      return value.isIntegralNumber() || value.isTextual();
    }
    return switch (schema.path("type").asText("")) {
      case "string" -> value.isTextual();
      case "integer" -> value.isIntegralNumber();
      case "number" -> value.isNumber();
      case "boolean" -> value.isBoolean();
      case "object" -> value.isObject();
      case "array" -> value.isArray();
      default -> true;
    };
  }

  private static String typeName(JsonNode schema) {
    return schema.path("x-kubernetes-int-or-string").asBoolean()
        ? "integer,string"
        : schema.path("type").asText();
  }

  private static String typeOf(JsonNode value) {
    return switch (value.getNodeType()) {
      case STRING -> "string";
      case NUMBER -> value.isIntegralNumber() ? "integer" : "number";
      case BOOLEAN -> "boolean";
      case ARRAY -> "array";
      case NULL -> "null";
      case OBJECT, POJO -> "object";
      case BINARY, MISSING -> "unknown";
    };
  }

  private static boolean contains(JsonNode values, JsonNode value) {
    for (JsonNode one : values) {
      if (one.equals(value)) {
        return true;
      }
    }
    return false;
  }

  private static ApiFailure.Cause missing(String path) {
    return new ApiFailure.Cause("FieldValueRequired", path, "Required value");
  }

  private static ApiFailure.Cause wrong(String path, JsonNode value, String why) {
    String shown = value.isContainerNode() ? typeOf(value) : JsonText.text(value);
    return new ApiFailure.Cause(
        "FieldValueInvalid", path, "Invalid value: %s: %s %s".formatted(shown, path, why));
  }

  private static String plain(double limit) {
    return limit == Math.rint(limit) && Math.abs(limit) < 1e15
        ? Long.toString((long) limit)
        : Double.toString(limit);
  }

  private static List<String> names(ObjectNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }
}
