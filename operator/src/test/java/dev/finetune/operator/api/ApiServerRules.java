package dev.finetune.operator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.spec.Violation;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an API server does with an object of the CRD, with strict field validation: it refuses
 * unknown fields, drops nulls, fills in defaults, checks the structure and evaluates the rules.
 */
final class ApiServerRules {
  private final JsonNode definition;
  private final ObjectNode schema;

  ApiServerRules(JsonNode crd) {
    definition = crd.get("spec");
    schema = (ObjectNode) crd.at("/spec/versions/0/schema/openAPIV3Schema");
  }

  /** Returns the object as it is stored: with defaults, and without the nulls of absent fields. */
  ObjectNode defaulted(ObjectNode object) {
    ObjectNode copy = (ObjectNode) asGoWrites(object);
    SchemaDefaults.apply(copy, schema);
    return copy;
  }

  /** Returns a copy in which 2.0 is 2: Go writes a whole number without a point. */
  private static JsonNode asGoWrites(JsonNode value) {
    if (value.isObject()) {
      ObjectNode copy = JobFiles.JSON.createObjectNode();
      value.properties().forEach(entry -> copy.set(entry.getKey(), asGoWrites(entry.getValue())));
      return copy;
    }
    if (value.isArray()) {
      ArrayNode copy = JobFiles.JSON.createArrayNode();
      value.forEach(item -> copy.add(asGoWrites(item)));
      return copy;
    }
    boolean whole = value.isDouble() && value.doubleValue() % 1 == 0 && value.canConvertToLong();
    return whole ? JsonNodeFactory.instance.numberNode(value.longValue()) : value;
  }

  /** Returns what is wrong with an object that is created. */
  List<Violation> check(ObjectNode object) {
    return check(object, null);
  }

  /** Returns what is wrong with an object that replaces another, or with one that is created. */
  List<Violation> check(ObjectNode object, @Nullable ObjectNode before) {
    List<Violation> violations = new ArrayList<>(MetadataRules.check(object, definition));
    ObjectNode spec = JobFiles.JSON.createObjectNode();
    if (object.has("spec")) {
      spec.set("spec", object.get("spec"));
    }
    SchemaDefaults.apply(spec, schema);
    for (String field : (Iterable<String>) object::fieldNames) {
      if (!List.of("apiVersion", "kind", "metadata", "spec", "status").contains(field)) {
        violations.add(new Violation(field, "unknown field"));
      }
    }
    violations.addAll(StructuralRules.check("", spec, schema));
    if (violations.isEmpty()) {
      JsonNode old = before == null ? null : defaulted(before);
      violations.addAll(CelRules.check("", defaulted(object), old, schema));
    }
    return violations;
  }
}
