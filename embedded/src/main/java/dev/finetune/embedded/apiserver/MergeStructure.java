package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How lists merge in server-side apply: as one value, as a set, or as a map by the keys of their
 * items. Taken from {@code x-kubernetes-list-type} of a schema; lists that are not named there are
 * one value. Lists of built-in kinds are one value but for the few below.
 */
final class MergeStructure {
  /** How one list merges. */
  sealed interface ListType {}

  /** The list is one value. */
  record Atomic() implements ListType {}

  /** The list is a set of scalars. */
  record AsSet() implements ListType {}

  /** The list is a map by the values of these fields of its items. */
  record ByKeys(List<String> keys) implements ListType {}

  private static final ListType ATOMIC = new Atomic();

  private static final Map<String, ListType> WELL_KNOWN =
      Map.of(
          "metadata.ownerReferences", new ByKeys(List.of("uid")),
          "metadata.finalizers", new AsSet(),
          "status.conditions", new ByKeys(List.of("type")),
          "status.attempts", new ByKeys(List.of("number")));

  private final Map<String, ListType> lists;

  private MergeStructure(Map<String, ListType> lists) {
    this.lists = lists;
  }

  static MergeStructure builtIn() {
    return new MergeStructure(WELL_KNOWN);
  }

  /** Reads the structure from the schema of a custom resource. */
  static MergeStructure of(JsonNode schema) {
    Map<String, ListType> lists = new HashMap<>(WELL_KNOWN);
    collect(schema, "", lists);
    return new MergeStructure(lists);
  }

  /** Returns how the list at a path of field names, such as {@code status.conditions}, merges. */
  ListType listAt(String path) {
    return lists.getOrDefault(path, ATOMIC);
  }

  /** Returns {@code base} with {@code applied} laid over it; neither is changed. */
  ObjectNode merge(ObjectNode base, ObjectNode applied) {
    return mergeObject(base, applied, "");
  }

  private ObjectNode mergeObject(ObjectNode base, ObjectNode applied, String path) {
    ObjectNode merged = base.deepCopy();
    applied
        .properties()
        .forEach(
            field -> {
              String at = join(path, field.getKey());
              merged.set(
                  field.getKey(), mergeValue(base.get(field.getKey()), field.getValue(), at));
            });
    return merged;
  }

  private JsonNode mergeValue(@Nullable JsonNode base, JsonNode applied, String path) {
    if (base instanceof ObjectNode baseObject && applied instanceof ObjectNode appliedObject) {
      return mergeObject(baseObject, appliedObject, path);
    }
    if (base instanceof ArrayNode baseList && applied instanceof ArrayNode appliedList) {
      return switch (listAt(path)) {
        case Atomic() -> applied.deepCopy();
        case AsSet() -> mergeSet(baseList, appliedList);
        case ByKeys(List<String> keys) -> mergeByKeys(baseList, appliedList, keys, path);
      };
    }
    return applied.deepCopy();
  }

  private static ArrayNode mergeSet(ArrayNode base, ArrayNode applied) {
    ArrayNode merged = base.deepCopy();
    for (JsonNode value : applied) {
      boolean there = false;
      for (JsonNode old : merged) {
        there |= old.equals(value);
      }
      if (!there) {
        merged.add(value);
      }
    }
    return merged;
  }

  private ArrayNode mergeByKeys(ArrayNode base, ArrayNode applied, List<String> keys, String path) {
    ArrayNode merged = base.deepCopy();
    for (JsonNode item : applied) {
      int at = indexOf(merged, item, keys);
      if (at < 0) {
        merged.add(item.deepCopy());
      } else {
        merged.set(at, mergeValue(merged.get(at), item, path));
      }
    }
    return merged;
  }

  /** Returns the position of the item with the same keys, or -1. */
  static int indexOf(ArrayNode list, JsonNode item, List<String> keys) {
    for (int i = 0; i < list.size(); i++) {
      boolean same = true;
      for (String key : keys) {
        same &= list.get(i).path(key).equals(item.path(key));
      }
      if (same) {
        return i;
      }
    }
    return -1;
  }

  static String join(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  private static void collect(JsonNode schema, String path, Map<String, ListType> lists) {
    switch (schema.path("x-kubernetes-list-type").asText("")) {
      case "map" -> {
        List<String> keys = new ArrayList<>();
        schema.path("x-kubernetes-list-map-keys").forEach(key -> keys.add(key.asText()));
        lists.put(path, new ByKeys(keys));
      }
      case "set" -> lists.put(path, new AsSet());
      case "atomic" -> lists.put(path, ATOMIC);
      default -> {}
    }
    schema
        .path("properties")
        .properties()
        .forEach(field -> collect(field.getValue(), join(path, field.getKey()), lists));
    if (schema.has("items")) {
      collectItems(schema.path("items"), path, lists);
    }
  }

  private static void collectItems(JsonNode items, String path, Map<String, ListType> lists) {
    items
        .path("properties")
        .properties()
        .forEach(field -> collect(field.getValue(), join(path, field.getKey()), lists));
  }
}
