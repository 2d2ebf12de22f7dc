package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Who owns which fields of an object: the rules of {@code metadata.managedFields}.
 *
 * @param entries one entry for each manager, operation and subresource
 */
record ManagedFields(List<Entry> entries) {
  private static final Set<String> NOT_OWNED =
      Set.of(
          "managedFields",
          "resourceVersion",
          "uid",
          "generation",
          "creationTimestamp",
          "deletionTimestamp",
          "deletionGracePeriodSeconds",
          "selfLink",
          "name",
          "namespace",
          "generateName");

  /** A manager that owns fields. */
  record Owner(String manager, String operation, String subresource) {
    static Owner applier(String manager, String subresource) {
      return new Owner(manager, "Apply", subresource);
    }

    static Owner updater(String manager, String subresource) {
      return new Owner(manager, "Update", subresource);
    }
  }

  /** The fields of one owner. */
  record Entry(Owner owner, String apiVersion, String time, FieldSet fields) {}

  static ManagedFields of(JsonNode object) {
    List<Entry> entries = new ArrayList<>();
    for (JsonNode entry : object.path("metadata").path("managedFields")) {
      entries.add(
          new Entry(
              new Owner(
                  entry.path("manager").asText(),
                  entry.path("operation").asText(),
                  entry.path("subresource").asText("")),
              entry.path("apiVersion").asText(),
              entry.path("time").asText(),
              FieldSet.parse(entry.path("fieldsV1"))));
    }
    return new ManagedFields(entries);
  }

  /** Returns the fields of an object that can be owned. */
  static FieldSet ownable(ObjectNode object, MergeStructure structure) {
    return FieldSet.of(object, structure)
        .filter(
            path ->
                !path.getFirst().equals("f:apiVersion")
                    && !path.getFirst().equals("f:kind")
                    && !path.equals(List.of("f:metadata"))
                    && !(path.getFirst().equals("f:metadata")
                        && NOT_OWNED.contains(path.get(1).substring(2))));
  }

  Optional<Entry> find(Owner owner) {
    return entries.stream().filter(entry -> entry.owner().equals(owner)).findFirst();
  }

  /** Returns whether anyone but this owner owns the field. */
  boolean ownedByAnother(Owner owner, List<String> path) {
    return entries.stream()
        .anyMatch(entry -> !entry.owner().equals(owner) && entry.fields().paths().contains(path));
  }

  /** Gives an owner exactly these fields; unchanged fields keep their time. */
  ManagedFields with(Owner owner, String apiVersion, String time, FieldSet fields) {
    List<Entry> changed = new ArrayList<>();
    boolean found = false;
    for (Entry entry : entries) {
      if (!entry.owner().equals(owner)) {
        changed.add(entry);
      } else if (!found) {
        found = true;
        boolean same = entry.fields().equals(fields) && entry.apiVersion().equals(apiVersion);
        changed.add(same ? entry : new Entry(owner, apiVersion, time, fields));
      }
    }
    if (!found) {
      changed.add(new Entry(owner, apiVersion, time, fields));
    }
    changed.removeIf(entry -> entry.fields().isEmpty());
    return new ManagedFields(changed);
  }

  /** Takes fields away from everyone but one owner. */
  ManagedFields takenFromOthers(Owner owner, FieldSet fields) {
    List<Entry> changed = new ArrayList<>();
    for (Entry entry : entries) {
      FieldSet left = entry.owner().equals(owner) ? entry.fields() : entry.fields().minus(fields);
      if (!left.isEmpty()) {
        changed.add(new Entry(entry.owner(), entry.apiVersion(), entry.time(), left));
      }
    }
    return new ManagedFields(changed);
  }

  /** Books a change that was not an apply: what changed now belongs to the updater. */
  ManagedFields afterUpdate(
      ObjectNode before, ObjectNode after, Owner owner, String time, MergeStructure structure) {
    FieldSet now = ownable(after, structure);
    FieldSet changed =
        now.filter(
            path ->
                !Objects.equals(FieldSet.valueAt(before, path), FieldSet.valueAt(after, path))
                    && isLeaf(now, path, before));
    FieldSet gone = ownable(before, structure).minus(now);
    List<Entry> left = new ArrayList<>();
    for (Entry entry : entries) {
      FieldSet fields = entry.fields().minus(gone);
      left.add(new Entry(entry.owner(), entry.apiVersion(), entry.time(), fields));
    }
    ManagedFields pruned = new ManagedFields(left).takenFromOthers(owner, changed);
    FieldSet mine = pruned.find(owner).map(entry -> entry.fields().plus(changed)).orElse(changed);
    return pruned.with(owner, after.path("apiVersion").asText(), time, mine);
  }

  /** Writes the entries into an object. */
  void writeTo(ObjectNode object) {
    ObjectNode metadata = (ObjectNode) object.get("metadata");
    metadata.remove("managedFields");
    if (entries.isEmpty()) {
      return;
    }
    ArrayNode list = metadata.putArray("managedFields");
    for (Entry entry : entries) {
      ObjectNode written = list.addObject();
      written
          .put("manager", entry.owner().manager())
          .put("operation", entry.owner().operation())
          .put("apiVersion", entry.apiVersion())
          .put("time", entry.time())
          .put("fieldsType", "FieldsV1");
      written.set("fieldsV1", entry.fields().toFieldsV1());
      if (!entry.owner().subresource().isEmpty()) {
        written.put("subresource", entry.owner().subresource());
      }
    }
  }

  /** An item of a keyed list changes with its fields; only a new item is a change of its own. */
  private static boolean isLeaf(FieldSet now, List<String> path, ObjectNode before) {
    if (!path.getLast().startsWith("k:") || FieldSet.valueAt(before, path) == null) {
      return true;
    }
    Set<List<String>> below = new LinkedHashSet<>(now.paths());
    below.removeIf(
        other -> other.size() <= path.size() || !other.subList(0, path.size()).equals(path));
    return below.isEmpty();
  }
}
