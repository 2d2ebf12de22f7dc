package dev.finetune.operator.api;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.DecimalNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.spec.Quantity;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Size;
import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Puts right what the generator leaves open, walking the schema beside the records: defaults as
 * they were written, enum values in the order in which they are declared, whole bounds, amounts as
 * int-or-string, rules on the keys of maps, lists that merge by a key. A field without a
 * description is an error.
 */
final class CrdSchema {
  /** Lists of the status that server-side apply merges, and the field that tells entries apart. */
  private static final Map<String, String> MERGED_LISTS =
      Map.of("conditions", "type", "attempts", "number");

  private CrdSchema() {}

  /** Finishes the schema of a record in place. */
  static void finish(ObjectNode schema, Class<?> record) {
    for (RecordComponent component : record.getRecordComponents()) {
      ObjectNode property = (ObjectNode) schema.get("properties").get(component.getName());
      if (component.getAccessor().getAnnotation(JsonPropertyDescription.class) == null) {
        throw new IllegalStateException("no description: " + component);
      }
      Default written = component.getAccessor().getAnnotation(Default.class);
      if (written != null) {
        property.set("default", plain(yaml(written.value())));
      }
      String key = MERGED_LISTS.get(component.getName());
      if (key != null) {
        property.put("x-kubernetes-list-type", "map");
        property.putArray("x-kubernetes-list-map-keys").add(key);
      }
      finish(property, component.getAnnotatedType());
    }
  }

  private static void finish(ObjectNode schema, AnnotatedType type) {
    dropRepeatedRules(schema);
    if (type instanceof AnnotatedParameterizedType parameterized) {
      AnnotatedType[] arguments = parameterized.getAnnotatedActualTypeArguments();
      if (((ParameterizedType) type.getType()).getRawType() == Map.class) {
        finishMap(schema, arguments[0], arguments[1]);
      } else {
        finish((ObjectNode) schema.get("items"), arguments[0]);
      }
      return;
    }
    Class<?> raw = (Class<?>) type.getType();
    if (raw == Quantity.class) {
      finishQuantity(schema);
    } else if (raw.isEnum()) {
      finishEnum(schema, raw);
    } else if (raw.isRecord()) {
      finish(schema, raw);
    } else {
      for (String bound : new String[] {"minimum", "maximum"}) {
        if (schema.has(bound)) {
          schema.set(bound, plain(schema.get(bound)));
        }
      }
    }
  }

  private static void finishMap(ObjectNode schema, AnnotatedType key, AnnotatedType value) {
    if (value.getType() == Object.class) {
      schema.remove("additionalProperties"); // Anything goes: the schema keeps unknown fields.
      return;
    }
    finish((ObjectNode) schema.get("additionalProperties"), value);
    Size size = key.getAnnotation(Size.class);
    Pattern pattern = key.getAnnotation(Pattern.class);
    if (size == null) {
      throw new IllegalStateException("keys without bounds: " + schema);
    }
    ArrayNode rules = schema.withArray("x-kubernetes-validations");
    rules
        .addObject()
        .put("message", "keys must have " + size.min() + " to " + size.max() + " characters")
        .put(
            "rule",
            "self.all(k, k.size() >= %d && k.size() <= %d)".formatted(size.min(), size.max()));
    if (pattern != null) {
      rules
          .addObject()
          .put("message", "keys must match " + pattern.value())
          .put("rule", "self.all(k, k.matches('" + pattern.value() + "'))");
    }
  }

  private static void finishQuantity(ObjectNode schema) {
    schema.remove("type");
    ArrayNode anyOf = schema.putArray("anyOf");
    anyOf.addObject().put("type", "integer");
    anyOf.addObject().put("type", "string");
    schema.put("maxLength", Quantity.LONGEST);
    schema.put("minimum", 0);
    schema.put("pattern", Quantity.SYNTAX);
    schema.put("x-kubernetes-int-or-string", true);
  }

  private static void finishEnum(ObjectNode schema, Class<?> type) {
    ArrayNode values = schema.putArray("enum");
    for (Field field : type.getFields()) {
      if (field.isEnumConstant()) {
        JsonProperty property = field.getAnnotation(JsonProperty.class);
        values.add(property == null ? field.getName() : property.value());
      }
    }
  }

  /** The generator finds a rule on a component twice, on its field and on its accessor. */
  private static void dropRepeatedRules(ObjectNode schema) {
    JsonNode rules = schema.get("x-kubernetes-validations");
    if (rules != null) {
      Set<JsonNode> distinct = new LinkedHashSet<>();
      rules.forEach(distinct::add);
      ArrayNode once = schema.putArray("x-kubernetes-validations");
      distinct.forEach(once::add);
    }
  }

  private static JsonNode yaml(String text) {
    try {
      return CrdFile.YAML.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("not a default: " + text, e);
    }
  }

  /** Writes 2147483647 and 0.0002, where a double is written 2.147483647E9 and 2.0E-4. */
  private static JsonNode plain(JsonNode number) {
    if (!number.isNumber()) {
      return number;
    }
    BigDecimal value = number.decimalValue().stripTrailingZeros();
    return DecimalNode.valueOf(value.scale() < 0 ? value.setScale(0) : value);
  }
}
