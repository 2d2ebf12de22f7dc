package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.zjsonpatch.JsonPatch;
import io.fabric8.zjsonpatch.JsonPatchException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** JSON patch (RFC 6902), JSON merge patch (RFC 7396) and strategic merge patch. */
final class Patches {
  private static final List<String> MERGE_KEYS = List.of("name", "type", "uid", "key");

  private Patches() {}

  /** Returns {@code object} after a JSON patch. */
  static ObjectNode json(ObjectNode object, JsonNode operations) {
    if (!operations.isArray()) {
      throw ApiFailure.badRequest("a JSON patch must be a list of operations");
    }
    try {
      return (ObjectNode) JsonPatch.apply(operations, object.deepCopy());
    } catch (JsonPatchException e) {
      throw ApiFailure.badRequest("the JSON patch does not apply: " + e.getMessage());
    }
  }

  /** Returns {@code object} after a merge patch: null deletes, lists replace. */
  static ObjectNode merge(ObjectNode object, ObjectNode patch) {
    ObjectNode merged = object.deepCopy();
    for (var field : patch.properties()) {
      String name = field.getKey();
      JsonNode value = field.getValue();
      if (value.isNull()) {
        merged.remove(name);
      } else if (value instanceof ObjectNode inner) {
        merged.set(name, merge(objectAt(merged, name), inner));
      } else {
        merged.set(name, value);
      }
    }
    return merged;
  }

  /**
   * Returns {@code object} after a strategic merge patch. Lists of objects merge by {@code name},
   * {@code type}, {@code uid} or {@code key}, whichever every item has; other lists replace.
   */
  static ObjectNode strategic(ObjectNode object, ObjectNode patch) {
    if (patch.path("$patch").asText("").equals("replace")) {
      ObjectNode replaced = patch.deepCopy();
      replaced.remove("$patch");
      return replaced;
    }
    ObjectNode merged = object.deepCopy();
    for (var field : patch.properties()) {
      String name = field.getKey();
      JsonNode value = field.getValue();
      if (name.startsWith("$deleteFromPrimitiveList/")) {
        removeMembers(merged.get(name.substring(name.indexOf('/') + 1)), value);
      } else if (name.startsWith("$")) {
        // Only the order of items, or what a union keeps; neither matters to objects held here.
        continue;
      } else if (value.isNull()) {
        merged.remove(name);
      } else if (value instanceof ObjectNode inner) {
        merged.set(name, strategic(objectAt(merged, name), inner));
      } else if (value instanceof ArrayNode list && merged.get(name) instanceof ArrayNode old) {
        merged.set(name, strategicList(old, list));
      } else {
        merged.set(name, value);
      }
    }
    return merged;
  }

  private static ArrayNode strategicList(ArrayNode old, ArrayNode patch) {
    String key = mergeKey(old, patch);
    if (key == null) {
      return patch.deepCopy();
    }
    ArrayNode merged = old.deepCopy();
    for (JsonNode item : patch) {
      int at = MergeStructure.indexOf(merged, item, List.of(key));
      if (item.path("$patch").asText("").equals("delete")) {
        if (at >= 0) {
          merged.remove(at);
        }
      } else if (at < 0) {
        merged.add(item.deepCopy());
      } else {
        merged.set(at, strategic((ObjectNode) merged.get(at), (ObjectNode) item));
      }
    }
    return merged;
  }

  private static @Nullable String mergeKey(ArrayNode old, ArrayNode patch) {
    List<JsonNode> items = new ArrayList<>();
    old.forEach(items::add);
    patch.forEach(items::add);
    for (String key : MERGE_KEYS) {
      if (!items.isEmpty() && items.stream().allMatch(item -> item.isObject() && item.has(key))) {
        return key;
      }
    }
    return null;
  }

  private static void removeMembers(@Nullable JsonNode list, JsonNode gone) {
    if (list instanceof ArrayNode members) {
      for (JsonNode value : gone) {
        for (int i = members.size() - 1; i >= 0; i--) {
          if (members.get(i).equals(value)) {
            members.remove(i);
          }
        }
      }
    }
  }

  private static ObjectNode objectAt(ObjectNode object, String name) {
    return object.get(name) instanceof ObjectNode inner ? inner : JsonText.object();
  }
}
