package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.embedded.apiserver.ResourceStore.Key;
import dev.finetune.embedded.apiserver.ResourceStore.Stored;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Deletion: finalizers, the grace period of pods that a kubelet runs, preconditions, and the
 * garbage collector that removes what only deleted objects owned. Called under the lock of the
 * store.
 */
final class Deletion {
  private static final long DEFAULT_GRACE_SECONDS = 30;

  private final ResourceTypes types;
  private final ResourceStore store;
  private final Clock clock;

  /** What a client asked for. */
  record Options(
      String propagation,
      @Nullable Long graceSeconds,
      @Nullable String uid,
      @Nullable String resourceVersion,
      boolean dryRun) {

    static final Options BACKGROUND = new Options("Background", null, null, null, false);

    static Options of(ApiRequest request) {
      JsonNode body =
          request.body().length == 0 ? JsonText.object() : JsonText.parse(request.body());
      JsonNode options = body.has("deleteOptions") ? body.path("deleteOptions") : body;
      String propagation =
          options.path("propagationPolicy").asText(request.parameter("propagationPolicy"));
      String grace =
          options.path("gracePeriodSeconds").asText(request.parameter("gracePeriodSeconds"));
      JsonNode preconditions = options.path("preconditions");
      return new Options(
          propagation.isEmpty() ? "Background" : propagation,
          grace.isEmpty() ? null : seconds(grace),
          textOrNull(preconditions.path("uid")),
          textOrNull(preconditions.path("resourceVersion")),
          request.dryRun() || !options.path("dryRun").isEmpty());
    }

    private static Long seconds(String text) {
      try {
        return Long.valueOf(text);
      } catch (NumberFormatException e) {
        throw ApiFailure.badRequest("gracePeriodSeconds: must be a number, was " + text);
      }
    }

    private static @Nullable String textOrNull(JsonNode node) {
      return node.isTextual() ? node.asText() : null;
    }
  }

  Deletion(ResourceTypes types, ResourceStore store, Clock clock) {
    this.types = types;
    this.store = store;
    this.clock = clock;
  }

  /** Deletes an object, or marks it where a finalizer or a kubelet has to act first. */
  ObjectNode delete(ResourceType type, Key key, ObjectNode live, Options options) {
    checkPreconditions(type, key, live, options);
    if (options.dryRun()) {
      return live;
    }
    String uid = live.path("metadata").path("uid").asText();
    if (options.propagation().equals("Orphan")) {
      orphan(uid);
    } else if (options.propagation().equals("Foreground")) {
      deleteDependents(uid);
    }
    long grace = type.is("", "pods") ? podGrace(live, options) : 0;
    boolean marked = live.path("metadata").has("deletionTimestamp");
    if (!live.path("metadata").path("finalizers").isEmpty() || grace > 0) {
      return marked && grace >= currentGrace(live) ? live : mark(type, key, live, grace);
    }
    return remove(type, key, live);
  }

  /** Removes an object for good, then what it owned. */
  ObjectNode remove(ResourceType type, Key key, ObjectNode live) {
    ObjectNode last = store.remove(key);
    if (type.is("apiextensions.k8s.io", "customresourcedefinitions")) {
      removeInstances(live);
      types.undefine(key.name());
    } else if (type.is("", "namespaces")) {
      removeNamespaced(key.name());
    }
    collectOrphans();
    return last;
  }

  /** Deletes objects whose owners are all gone, until there are none. */
  void collectOrphans() {
    boolean again = true;
    while (again) {
      again = false;
      List<Stored> all = store.everything();
      Set<String> alive = new HashSet<>();
      all.forEach(stored -> alive.add(uid(stored.object())));
      for (Stored stored : all) {
        JsonNode owners = stored.object().path("metadata").path("ownerReferences");
        boolean marked = stored.object().path("metadata").has("deletionTimestamp");
        if (!owners.isEmpty() && !marked && noneAlive(owners, alive) && isThere(stored)) {
          delete(stored.type(), stored.key(), stored.object(), Options.BACKGROUND);
          again = true;
        }
      }
    }
  }

  private boolean isThere(Stored stored) {
    return store
        .find(stored.key())
        .filter(now -> version(now).equals(version(stored.object())))
        .isPresent();
  }

  private static boolean noneAlive(JsonNode owners, Set<String> alive) {
    for (JsonNode owner : owners) {
      if (alive.contains(owner.path("uid").asText())) {
        return false;
      }
    }
    return true;
  }

  private ObjectNode mark(ResourceType type, Key key, ObjectNode live, long grace) {
    ObjectNode marked = live.deepCopy();
    ObjectNode metadata = (ObjectNode) marked.get("metadata");
    metadata.put(
        "deletionTimestamp",
        clock.instant().plusSeconds(grace).truncatedTo(ChronoUnit.SECONDS).toString());
    metadata.put("deletionGracePeriodSeconds", grace);
    if (type.generation()) {
      metadata.put("generation", metadata.path("generation").asLong() + 1);
    }
    return store.put(key, type, marked);
  }

  /** A pod that runs on a node goes when its kubelet says so; any other goes at once. */
  private static long podGrace(ObjectNode pod, Options options) {
    String phase = pod.path("status").path("phase").asText();
    if (!pod.path("spec").has("nodeName") || phase.equals("Succeeded") || phase.equals("Failed")) {
      return 0;
    }
    if (options.graceSeconds() != null) {
      return options.graceSeconds();
    }
    return pod.path("spec").path("terminationGracePeriodSeconds").asLong(DEFAULT_GRACE_SECONDS);
  }

  private static long currentGrace(ObjectNode object) {
    return object.path("metadata").path("deletionGracePeriodSeconds").asLong(0);
  }

  private static void checkPreconditions(
      ResourceType type, Key key, ObjectNode live, Options options) {
    JsonNode metadata = live.path("metadata");
    if (options.uid() != null && !options.uid().equals(metadata.path("uid").asText())) {
      throw ApiFailure.conflict(
          type,
          key.name(),
          "the UID in the precondition (%s) does not match the UID in record (%s)"
              .formatted(options.uid(), metadata.path("uid").asText()));
    }
    if (options.resourceVersion() != null
        && !options.resourceVersion().equals(metadata.path("resourceVersion").asText())) {
      throw ApiFailure.conflict(
          type,
          key.name(),
          "the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s)"
              .formatted(options.resourceVersion(), metadata.path("resourceVersion").asText()));
    }
  }

  private void deleteDependents(String uid) {
    for (Stored stored : dependents(uid)) {
      if (isThere(stored)) {
        delete(
            stored.type(),
            stored.key(),
            stored.object(),
            new Options("Foreground", null, null, null, false));
      }
    }
  }

  private void orphan(String uid) {
    for (Stored stored : dependents(uid)) {
      ObjectNode free = stored.object().deepCopy();
      ArrayNode owners = (ArrayNode) free.get("metadata").get("ownerReferences");
      for (int i = owners.size() - 1; i >= 0; i--) {
        if (owners.get(i).path("uid").asText().equals(uid)) {
          owners.remove(i);
        }
      }
      store.put(stored.key(), stored.type(), free);
    }
  }

  private List<Stored> dependents(String uid) {
    List<Stored> dependents = new ArrayList<>();
    for (Stored stored : store.everything()) {
      for (JsonNode owner : stored.object().path("metadata").path("ownerReferences")) {
        if (owner.path("uid").asText().equals(uid)) {
          dependents.add(stored);
        }
      }
    }
    return dependents;
  }

  private void removeNamespaced(String namespace) {
    for (Stored stored : store.everything()) {
      if (stored.key().namespace().equals(namespace) && isThere(stored)) {
        delete(stored.type(), stored.key(), stored.object(), Options.BACKGROUND);
      }
    }
  }

  private void removeInstances(ObjectNode definition) {
    String resource = definition.path("metadata").path("name").asText();
    for (Stored stored : store.everything()) {
      if (stored.key().resource().equals(resource) && isThere(stored)) {
        store.remove(stored.key());
      }
    }
  }

  private static String version(ObjectNode object) {
    return object.path("metadata").path("resourceVersion").asText();
  }

  private static String uid(ObjectNode object) {
    return object.path("metadata").path("uid").asText();
  }
}
