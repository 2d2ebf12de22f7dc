package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Compares a tree with the records that it is to be read into: unknown fields, wrong types, unknown
 * enum values. What does not fit is reported and taken out, so that the rest can be read and
 * checked too. A null is an absent field, as it is to the API server.
 */
final class Shape {
  private final List<Violation> violations = new ArrayList<>();

  private Shape() {}

  /** Returns what does not fit, and leaves in the tree only what does. */
  static List<Violation> prune(ObjectNode tree, Class<? extends Record> type) {
    Shape shape = new Shape();
    shape.record("", tree, type);
    return shape.violations;
  }

  private void record(String path, ObjectNode node, Class<?> type) {
    Map<String, RecordComponent> components = new TreeMap<>();
    for (RecordComponent component : type.getRecordComponents()) {
      components.put(component.getName(), component);
    }
    Iterator<Map.Entry<String, JsonNode>> fields = node.properties().iterator();
    while (fields.hasNext()) {
      Map.Entry<String, JsonNode> entry = fields.next();
      String field = FieldPath.field(path, entry.getKey());
      RecordComponent component = components.get(entry.getKey());
      if (component == null) {
        report(field, unknown(entry.getKey(), components.keySet()));
        fields.remove();
      } else if (entry.getValue().isNull()
          || !fits(field, entry.getValue(), component.getGenericType(), component.getAccessor())) {
        fields.remove();
      }
    }
  }

  private boolean fits(String path, JsonNode node, Type type, AnnotatedElement annotations) {
    if (type instanceof ParameterizedType parameterized) {
      Type content =
          parameterized.getActualTypeArguments()[parameterized.getRawType() == Map.class ? 1 : 0];
      return parameterized.getRawType() == Map.class
          ? map(path, node, content, annotations)
          : list(path, node, content, annotations);
    }
    Class<?> raw = (Class<?>) type;
    if (raw == Object.class) {
      return expect(path, isFinite(node), "without numbers that are not finite", node);
    }
    if (raw == String.class) {
      return expect(path, node.isTextual(), "text", node);
    }
    if (raw == Boolean.class) {
      return expect(path, node.isBoolean(), "true or false", node);
    }
    if (raw == Integer.class || raw == Long.class) {
      return integer(path, node, raw, annotations);
    }
    if (raw == Double.class) {
      return expect(path, node.isNumber(), "a number", node);
    }
    if (raw == Quantity.class) {
      return expect(
          path, node.isTextual() || node.isIntegralNumber(), "a whole number or text", node);
    }
    if (raw.isEnum()) {
      return spelled(path, node, raw);
    }
    if (expect(path, node.isObject(), "a map of fields", node)) {
      record(path, (ObjectNode) node, raw);
      return true;
    }
    return false;
  }

  /** JSON has no way to write another number, so it would not come out as it went in. */
  private static boolean isFinite(JsonNode node) {
    if (node.isNumber()) {
      return Double.isFinite(node.doubleValue());
    }
    for (JsonNode child : node) {
      if (!isFinite(child)) {
        return false;
      }
    }
    return true;
  }

  private boolean integer(String path, JsonNode node, Class<?> type, AnnotatedElement annotations) {
    boolean whole = node.isIntegralNumber() || (node.isNumber() && node.doubleValue() % 1 == 0);
    if (!expect(path, whole, "a whole number", node)) {
      return false;
    }
    boolean inRange = type == Integer.class ? node.canConvertToInt() : node.canConvertToLong();
    if (!inRange) {
      report(path, range(node, type, annotations) + ", was " + node.asText());
    }
    return inRange;
  }

  private static String range(JsonNode node, Class<?> type, AnnotatedElement annotations) {
    Min min = annotations.getAnnotation(Min.class);
    if (min != null && node.doubleValue() < min.value()) {
      return "must be at least " + Bounds.plain(min.value());
    }
    Max max = annotations.getAnnotation(Max.class);
    return max != null
        ? "must be at most " + Bounds.plain(max.value())
        : "must be a whole number of " + (type == Integer.class ? 32 : 64) + " bits";
  }

  private boolean spelled(String path, JsonNode node, Class<?> type) {
    List<String> spellings =
        Arrays.stream(type.getFields())
            .filter(field -> field.isEnumConstant())
            .map(
                field -> {
                  JsonProperty property = field.getAnnotation(JsonProperty.class);
                  return property == null ? field.getName() : property.value();
                })
            .toList();
    if (node.isTextual() && spellings.contains(node.textValue())) {
      return true;
    }
    String found = node.isTextual() ? Bounds.quote(node.textValue()) : describe(node);
    report(path, "must be one of " + String.join(", ", spellings) + ", was " + found);
    return false;
  }

  private boolean list(String path, JsonNode node, Type content, AnnotatedElement annotations) {
    if (!expect(path, node.isArray(), "a list", node)) {
      return false;
    }
    boolean fits = true;
    for (int index = 0; index < node.size(); index++) {
      fits &= fits(FieldPath.item(path, index), node.get(index), content, annotations);
    }
    // A list is kept or taken out as a whole: the places of what is left would shift.
    return fits;
  }

  private boolean map(String path, JsonNode node, Type content, AnnotatedElement annotations) {
    if (!expect(path, node.isObject(), "a map", node)) {
      return false;
    }
    node.properties()
        .removeIf(
            entry ->
                !fits(FieldPath.key(path, entry.getKey()), entry.getValue(), content, annotations));
    return true;
  }

  private boolean expect(String path, boolean fits, String expected, JsonNode node) {
    if (!fits) {
      report(path, "must be " + expected + ", was " + describe(node));
    }
    return fits;
  }

  private static String describe(JsonNode node) {
    return switch (node.getNodeType()) {
      case OBJECT, POJO -> "a map";
      case ARRAY -> "a list";
      case STRING -> "the text " + Bounds.quote(node.textValue());
      case NUMBER, BOOLEAN -> node.asText();
      case NULL, MISSING -> "null";
      case BINARY -> "binary";
    };
  }

  private static String unknown(String name, Collection<String> known) {
    for (String candidate : known) {
      if (distance(name, candidate) <= Math.min(2, name.length() / 3)) {
        return "unknown field; did you mean " + candidate + "?";
      }
    }
    return "unknown field; known are " + known.stream().sorted().collect(Collectors.joining(", "));
  }

  /** Levenshtein's distance without regard to case. */
  private static int distance(String a, String b) {
    if (a.length() > 64) {
      return a.length();
    }
    int[] row = new int[b.length() + 1];
    Arrays.setAll(row, i -> i);
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        boolean same =
            Character.toLowerCase(a.charAt(i - 1)) == Character.toLowerCase(b.charAt(j - 1));
        int best = Math.min(diagonal + (same ? 0 : 1), Math.min(row[j], row[j - 1]) + 1);
        diagonal = row[j];
        row[j] = best;
      }
    }
    return row[b.length()];
  }

  private void report(String path, String message) {
    violations.add(new Violation(path, message));
  }
}
