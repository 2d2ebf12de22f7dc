package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.embedded.apiserver.MergeStructure.AsSet;
import dev.finetune.embedded.apiserver.MergeStructure.Atomic;
import dev.finetune.embedded.apiserver.MergeStructure.ByKeys;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A set of fields of an object, as {@code metadata.managedFields} writes it (format FieldsV1). A
 * path element is {@code f:name} for a field, {@code k:{"type":"Ready"}} for an item of a list that
 * is a map, or {@code v:"value"} for a member of a list that is a set.
 */
record FieldSet(Set<List<String>> paths) {

  FieldSet {
    // In a fixed order: Set.copyOf has another one in each process.
    paths = Collections.unmodifiableSet(new LinkedHashSet<>(paths));
  }

  /** Returns the fields that are present in an object, leaves and items of keyed lists. */
  static FieldSet of(ObjectNode object, MergeStructure structure) {
    Set<List<String>> paths = new LinkedHashSet<>();
    collect(object, List.of(), "", structure, paths);
    return new FieldSet(paths);
  }

  /** Reads the {@code fieldsV1} of an entry of managedFields. */
  static FieldSet parse(JsonNode fieldsV1) {
    Set<List<String>> paths = new LinkedHashSet<>();
    parse(fieldsV1, List.of(), paths);
    return new FieldSet(paths);
  }

  /** Writes the set as {@code fieldsV1}. */
  ObjectNode toFieldsV1() {
    ObjectNode root = JsonText.object();
    List<List<String>> sorted = new ArrayList<>(paths);
    sorted.sort((a, b) -> String.join("/", a).compareTo(String.join("/", b)));
    for (List<String> path : sorted) {
      ObjectNode at = root;
      for (String element : path) {
        at = at.has(element) ? (ObjectNode) at.get(element) : at.putObject(element);
      }
    }
    for (List<String> path : sorted) {
      ObjectNode at = root;
      for (String element : path) {
        at = (ObjectNode) at.get(element);
      }
      if (!at.isEmpty()) {
        at.putObject(".");
      }
    }
    return root;
  }

  boolean isEmpty() {
    return paths.isEmpty();
  }

  FieldSet filter(Predicate<List<String>> keep) {
    Set<List<String>> kept = new LinkedHashSet<>(paths);
    kept.removeIf(keep.negate());
    return new FieldSet(kept);
  }

  FieldSet minus(FieldSet other) {
    return filter(path -> !other.paths.contains(path));
  }

  FieldSet plus(FieldSet other) {
    Set<List<String>> all = new LinkedHashSet<>(paths);
    all.addAll(other.paths);
    return new FieldSet(all);
  }

  /** Returns the value at a path, or null if there is none. */
  static @Nullable JsonNode valueAt(JsonNode root, List<String> path) {
    JsonNode at = root;
    for (String element : path) {
      JsonNode next = child(at, element);
      if (next == null) {
        return null;
      }
      at = next;
    }
    return at;
  }

  /** Removes the value at a path, and the objects and lists that are empty without it. */
  static void remove(JsonNode root, List<String> path) {
    JsonNode parent = valueAt(root, path.subList(0, path.size() - 1));
    if (parent == null) {
      return;
    }
    String last = path.getLast();
    if (parent instanceof ObjectNode object && last.startsWith("f:")) {
      object.remove(last.substring(2));
    } else if (parent instanceof ArrayNode list) {
      int at = position(list, last);
      if (at >= 0) {
        list.remove(at);
      }
    }
    if (parent.isEmpty() && path.size() > 1) {
      remove(root, path.subList(0, path.size() - 1));
    }
  }

  /** Writes a path for people: {@code .status.conditions[type="Ready"].message}. */
  static String describe(List<String> path) {
    StringBuilder text = new StringBuilder();
    for (String element : path) {
      if (element.startsWith("f:")) {
        text.append('.').append(element, 2, element.length());
      } else {
        text.append('[').append(element, 2, element.length()).append(']');
      }
    }
    return text.toString();
  }

  private static @Nullable JsonNode child(JsonNode at, String element) {
    if (element.startsWith("f:")) {
      return at.get(element.substring(2));
    }
    if (at instanceof ArrayNode list) {
      int position = position(list, element);
      return position < 0 ? null : list.get(position);
    }
    return null;
  }

  private static int position(ArrayNode list, String element) {
    JsonNode wanted = JsonText.parse(jsonOf(element));
    for (int i = 0; i < list.size(); i++) {
      JsonNode item = list.get(i);
      boolean same = element.startsWith("v:") ? item.equals(wanted) : hasFields(item, wanted);
      if (same) {
        return i;
      }
    }
    return -1;
  }

  private static byte[] jsonOf(String element) {
    // A set's member is a scalar, which the parser reads only inside a list.
    return element.substring(2).getBytes(StandardCharsets.UTF_8);
  }

  private static boolean hasFields(JsonNode item, JsonNode wanted) {
    boolean same = true;
    for (var key : wanted.properties()) {
      same &= item.path(key.getKey()).equals(key.getValue());
    }
    return same;
  }

  private static void parse(JsonNode node, List<String> path, Set<List<String>> paths) {
    if (node.isEmpty()) {
      if (!path.isEmpty()) {
        paths.add(path);
      }
      return;
    }
    for (var field : node.properties()) {
      if (field.getKey().equals(".")) {
        paths.add(path);
      } else {
        parse(field.getValue(), extend(path, field.getKey()), paths);
      }
    }
  }

  private static void collect(
      JsonNode value,
      List<String> path,
      String names,
      MergeStructure structure,
      Set<List<String>> paths) {
    if (value.isObject() && !value.isEmpty()) {
      for (var field : value.properties()) {
        collect(
            field.getValue(),
            extend(path, "f:" + field.getKey()),
            MergeStructure.join(names, field.getKey()),
            structure,
            paths);
      }
    } else if (value.isArray() && !value.isEmpty()) {
      collectList((ArrayNode) value, path, names, structure, paths);
    } else if (!path.isEmpty()) {
      paths.add(path);
    }
  }

  private static void collectList(
      ArrayNode list,
      List<String> path,
      String names,
      MergeStructure structure,
      Set<List<String>> paths) {
    switch (structure.listAt(names)) {
      case Atomic() -> paths.add(path);
      case AsSet() -> {
        for (JsonNode member : list) {
          paths.add(extend(path, "v:" + JsonText.text(member)));
        }
      }
      case ByKeys(List<String> keys) -> {
        for (JsonNode item : list) {
          ObjectNode key = JsonText.object();
          keys.forEach(name -> key.set(name, item.path(name)));
          List<String> at = extend(path, "k:" + JsonText.text(key));
          paths.add(at);
          collect(item, at, names, structure, paths);
        }
      }
    }
  }

  private static List<String> extend(List<String> path, String element) {
    List<String> extended = new ArrayList<>(path);
    extended.add(element);
    return List.copyOf(extended);
  }
}
