package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.embedded.apiserver.ManagedFields.Entry;
import dev.finetune.embedded.apiserver.ManagedFields.Owner;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Server-side apply: lays an applied object over the live one, removes what the manager no longer
 * applies and nobody else owns, and refuses to change what another manager owns, unless forced
 * (Kubernetes documentation, "Server-Side Apply").
 */
final class ServerSideApply {
  private final ResourceType type;
  private final Owner owner;
  private final boolean force;
  private final String time;

  /**
   * @param type kind of the object
   * @param owner the manager that applies
   * @param force whether fields of other managers are taken over
   * @param time now, RFC 3339
   */
  ServerSideApply(ResourceType type, Owner owner, boolean force, String time) {
    this.type = type;
    this.owner = owner;
    this.force = force;
    this.time = time;
  }

  /**
   * Returns the object after the apply; {@code live} is not changed, and is returned equal if the
   * apply changes nothing.
   *
   * @throws ApiFailure if another manager owns a field that would change
   */
  ObjectNode apply(ObjectNode live, ObjectNode applied) {
    MergeStructure structure = type.structure();
    FieldSet wanted = ManagedFields.ownable(applied, structure);
    ManagedFields managed = ManagedFields.of(live);
    ManagedFields others = managed;
    List<Conflict> conflicts = conflicts(managed, live, applied, wanted);
    if (!conflicts.isEmpty()) {
      if (!force) {
        throw ApiFailure.applyConflict(
            type,
            live.path("metadata").path("name").asText(),
            conflicts.stream().map(Conflict::cause).toList());
      }
      FieldSet taken =
          wanted.filter(path -> conflicts.stream().anyMatch(c -> c.path().equals(path)));
      others = managed.takenFromOthers(owner, taken);
    }
    ObjectNode merged = live.deepCopy();
    FieldSet before = managed.find(owner).map(Entry::fields).orElse(new FieldSet(Set.of()));
    removeGone(merged, before.minus(wanted), others, wanted);
    merged = structure.merge(merged, withoutManagedFields(applied));
    others.with(owner, type.apiVersion(), time, wanted).writeTo(merged);
    return merged;
  }

  private record Conflict(List<String> path, ApiFailure.Cause cause) {}

  private List<Conflict> conflicts(
      ManagedFields managed, ObjectNode live, ObjectNode applied, FieldSet wanted) {
    List<Conflict> conflicts = new ArrayList<>();
    for (Entry entry : managed.entries()) {
      if (entry.owner().equals(owner)) {
        continue;
      }
      for (List<String> path : entry.fields().paths()) {
        if (wanted.paths().contains(path)
            && !path.getLast().startsWith("k:")
            && differs(FieldSet.valueAt(live, path), FieldSet.valueAt(applied, path))) {
          conflicts.add(
              new Conflict(
                  path,
                  new ApiFailure.Cause(
                      "FieldManagerConflict",
                      FieldSet.describe(path),
                      "conflict with \"%s\"%s"
                          .formatted(
                              entry.owner().manager(),
                              entry.owner().subresource().isEmpty()
                                  ? ""
                                  : " with subresource \"" + entry.owner().subresource() + "\""))));
        }
      }
    }
    return conflicts;
  }

  private static boolean differs(@Nullable JsonNode live, @Nullable JsonNode applied) {
    return live == null || !live.equals(applied);
  }

  private void removeGone(ObjectNode merged, FieldSet gone, ManagedFields others, FieldSet wanted) {
    // Items of keyed lists go before their fields, or they could no longer be found by their key.
    List<List<String>> outermostFirst =
        gone.paths().stream().sorted(Comparator.comparingInt(List::size)).toList();
    for (List<String> path : outermostFirst) {
      boolean stillThere =
          others.ownedByAnother(owner, path)
              || wanted.paths().stream().anyMatch(kept -> isBelow(kept, path))
              || others.entries().stream()
                  .filter(entry -> !entry.owner().equals(owner))
                  .flatMap(entry -> entry.fields().paths().stream())
                  .anyMatch(kept -> isBelow(kept, path));
      if (!stillThere) {
        FieldSet.remove(merged, path);
      }
    }
  }

  private static boolean isBelow(List<String> path, List<String> ancestor) {
    return path.size() > ancestor.size() && path.subList(0, ancestor.size()).equals(ancestor);
  }

  private static ObjectNode withoutManagedFields(ObjectNode applied) {
    ObjectNode copy = applied.deepCopy();
    if (copy.get("metadata") instanceof ObjectNode metadata) {
      metadata.remove("managedFields");
    }
    return copy;
  }
}
