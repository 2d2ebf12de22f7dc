package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.embedded.apiserver.ApiRequest.Target;
import dev.finetune.embedded.apiserver.ManagedFields.Owner;
import dev.finetune.embedded.apiserver.ResourceStore.Key;
import dev.finetune.embedded.apiserver.ResourceStore.Snapshot;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;

/** The verbs on objects: what is checked, filled in and written for each. */
final class ResourceApi {
  private static final Set<String> SERVER_FIELDS =
      Set.of(
          "uid",
          "creationTimestamp",
          "generation",
          "deletionTimestamp",
          "deletionGracePeriodSeconds",
          "name",
          "namespace");

  private final ResourceTypes types;
  private final ResourceStore store;
  private final Deletion deletion;
  private final Clock clock;

  ResourceApi(ResourceTypes types, ResourceStore store, Clock clock) {
    this.types = types;
    this.store = store;
    this.clock = clock;
    this.deletion = new Deletion(types, store, clock);
  }

  ObjectNode get(Target target) {
    return store
        .find(target.key(target.requireName()))
        .orElseThrow(() -> ApiFailure.notFound(target.type(), target.requireName()));
  }

  Snapshot list(ApiRequest request, Target target) {
    return store.list(target.type().qualifiedPlural(), target.namespace(), selection(request));
  }

  static Predicate<JsonNode> selection(ApiRequest request) {
    return Selector.labels(request.parameter("labelSelector"))
        .and(Selector.fields(request.parameter("fieldSelector")));
  }

  /** Writes a list as clients read it. */
  static ObjectNode toList(ResourceType type, Snapshot snapshot) {
    ObjectNode list = JsonText.object();
    list.put("kind", type.listKind()).put("apiVersion", type.apiVersion());
    list.putObject("metadata").put("resourceVersion", Long.toString(snapshot.version()));
    ArrayNode items = list.putArray("items");
    snapshot.objects().forEach(items::add);
    return list;
  }

  ObjectNode create(ApiRequest request, Target target) {
    ObjectNode object = JsonText.parseObject(request.body());
    requireKind(target.type(), object);
    ObjectNode metadata = BuiltInDefaults.objectAt(object, "metadata");
    if (!metadata.hasNonNull("name") && metadata.hasNonNull("generateName")) {
      String suffix = UUID.randomUUID().toString().substring(0, 5);
      metadata.put("name", metadata.path("generateName").asText() + suffix);
    }
    if (metadata.path("name").asText().isEmpty()) {
      throw ApiFailure.invalid(
          target.type(),
          "",
          List.of(
              new ApiFailure.Cause(
                  "FieldValueRequired",
                  "metadata.name",
                  "Required value: name or generateName is required")));
    }
    // A kubelet registers its node with the status; any other status begins empty.
    if (target.type().status() && !target.type().is("", "nodes")) {
      object.remove("status");
    }
    synchronized (store) {
      return insert(request, target, object, Owner.updater(request.manager(), ""));
    }
  }

  ObjectNode update(ApiRequest request, Target target) {
    ObjectNode object = JsonText.parseObject(request.body());
    requireKind(target.type(), object);
    synchronized (store) {
      ObjectNode live = get(target);
      return replace(request, target, live, object);
    }
  }

  ObjectNode patch(ApiRequest request, Target target) {
    String format = request.contentType().replaceFirst(";.*", "").strip();
    synchronized (store) {
      if (format.startsWith("application/apply-patch")) {
        return apply(request, target);
      }
      ObjectNode live = get(target);
      JsonNode patch = JsonText.parse(request.body());
      ObjectNode patched =
          switch (format) {
            case "application/json-patch+json" -> Patches.json(live, patch);
            case "application/merge-patch+json" ->
                Patches.merge(live, JsonText.parseObject(request.body()));
            case "application/strategic-merge-patch+json" ->
                Patches.strategic(live, JsonText.parseObject(request.body()));
            default -> throw ApiFailure.unsupportedMediaType(format);
          };
      return replace(request, target, live, patched);
    }
  }

  ObjectNode delete(ApiRequest request, Target target) {
    synchronized (store) {
      ObjectNode live = get(target);
      return deletion.delete(
          target.type(), target.key(target.requireName()), live, Deletion.Options.of(request));
    }
  }

  ObjectNode deleteAll(ApiRequest request, Target target) {
    synchronized (store) {
      Snapshot gone = list(request, target);
      for (ObjectNode object : gone.objects()) {
        Key key =
            new Key(
                target.type().qualifiedPlural(),
                object.path("metadata").path("namespace").asText(""),
                object.path("metadata").path("name").asText());
        if (store.find(key).isPresent()) {
          deletion.delete(target.type(), key, object, Deletion.Options.of(request));
        }
      }
      return toList(target.type(), gone);
    }
  }

  /** Evicts a pod: the condition that a real eviction leaves, then a deletion. */
  ObjectNode evict(ApiRequest request, Target target) {
    synchronized (store) {
      ObjectNode pod = get(target).deepCopy();
      ArrayNode conditions =
          BuiltInDefaults.objectAt(pod, "status").withArrayProperty("conditions");
      conditions
          .addObject()
          .put("type", "DisruptionTarget")
          .put("status", "True")
          .put("reason", "EvictionByEvictionAPI")
          .put("message", "Eviction API: evicting")
          .put("lastTransitionTime", now());
      Key key = target.key(target.requireName());
      ObjectNode marked = store.put(key, target.type(), pod);
      deletion.delete(target.type(), key, marked, Deletion.Options.of(request));
      ObjectNode status = JsonText.object();
      status.put("kind", "Status").put("apiVersion", "v1").put("status", "Success");
      return status.put("code", 201);
    }
  }

  private ObjectNode apply(ApiRequest request, Target target) {
    if (request.parameter("fieldManager").isEmpty()) {
      throw ApiFailure.badRequest("fieldManager is required for apply patch");
    }
    ResourceType type = target.type();
    ObjectNode applied = JsonText.parseObject(request.body());
    requireKind(type, applied);
    if (!applied.path("metadata").path("managedFields").isEmpty()) {
      throw ApiFailure.badRequest("metadata.managedFields must be nil");
    }
    boolean toStatus = target.subresource().equals("status");
    Owner owner = Owner.applier(request.manager(), target.subresource());
    ServerSideApply apply = new ServerSideApply(type, owner, request.flag("force"), now());
    var found = store.find(target.key(target.requireName()));
    if (found.isEmpty()) {
      if (toStatus || applied.path("metadata").hasNonNull("uid")) {
        throw ApiFailure.notFound(type, target.requireName());
      }
      ObjectNode empty = JsonText.object();
      empty.put("apiVersion", type.apiVersion()).put("kind", type.kind());
      empty.putObject("metadata").put("name", target.requireName());
      return insert(request, target, apply.apply(empty, onlyMain(type, applied)), owner);
    }
    ObjectNode live = found.get();
    checkVersion(target, live, applied);
    ObjectNode merged = apply.apply(live, toStatus ? onlyStatus(applied) : onlyMain(type, applied));
    return store(request, target, live, merged);
  }

  private ObjectNode insert(ApiRequest request, Target target, ObjectNode object, Owner owner) {
    ResourceType type = target.type();
    ObjectNode metadata = BuiltInDefaults.objectAt(object, "metadata");
    String name = metadata.path("name").asText();
    Key key = target.key(name);
    if (store.find(key).isPresent()) {
      throw ApiFailure.alreadyExists(type, name);
    }
    if (type.namespaced()) {
      requireNamespace(target);
      metadata.put("namespace", target.namespace());
    }
    metadata.remove(List.of("resourceVersion", "deletionTimestamp", "selfLink"));
    metadata.put("uid", UUID.randomUUID().toString()).put("creationTimestamp", now());
    if (type.generation()) {
      metadata.put("generation", 1L);
    }
    boolean applied = owner.operation().equals("Apply");
    if (!applied) {
      metadata.remove("managedFields");
      new ManagedFields(List.of())
          .with(owner, type.apiVersion(), now(), ManagedFields.ownable(object, type.structure()))
          .writeTo(object);
    }
    complete(request, type, name, object);
    if (type.is("apiextensions.k8s.io", "customresourcedefinitions")) {
      BuiltInDefaults.establish(object, now());
    }
    if (request.dryRun()) {
      return object;
    }
    if (type.is("apiextensions.k8s.io", "customresourcedefinitions")) {
      types.define(object);
    }
    ObjectNode stored = store.put(key, type, object);
    deletion.collectOrphans();
    return stored;
  }

  private ObjectNode replace(
      ApiRequest request, Target target, ObjectNode live, ObjectNode object) {
    checkVersion(target, live, object);
    ResourceType type = target.type();
    ObjectNode updated = sanitize(target, live, object);
    ManagedFields.of(live)
        .afterUpdate(
            live,
            updated,
            Owner.updater(request.manager(), target.subresource()),
            now(),
            type.structure())
        .writeTo(updated);
    return store(request, target, live, updated);
  }

  /** Keeps what this request may not change: status or all but status, and the server's fields. */
  private static ObjectNode sanitize(Target target, ObjectNode live, ObjectNode object) {
    ObjectNode updated;
    if (target.subresource().equals("status")) {
      updated = live.deepCopy();
      setOrRemove(updated, "status", object);
    } else {
      updated = object.deepCopy();
      BuiltInDefaults.objectAt(updated, "metadata").remove("managedFields");
      if (target.type().status()) {
        setOrRemove(updated, "status", live);
      }
    }
    ObjectNode metadata = BuiltInDefaults.objectAt(updated, "metadata");
    for (String field : SERVER_FIELDS) {
      setOrRemove(metadata, field, (ObjectNode) live.get("metadata"));
    }
    metadata.set("resourceVersion", live.get("metadata").get("resourceVersion"));
    return updated;
  }

  /** Checks and stores the next state of an object; no change, no write. */
  private ObjectNode store(ApiRequest request, Target target, ObjectNode live, ObjectNode updated) {
    ResourceType type = target.type();
    String name = target.requireName();
    ObjectNode metadata = BuiltInDefaults.objectAt(updated, "metadata");
    metadata.set("resourceVersion", live.get("metadata").get("resourceVersion"));
    complete(request, type, name, updated);
    BuiltInDefaults.refusal(type, live, updated)
        .ifPresent(
            cause -> {
              throw ApiFailure.invalid(type, name, List.of(cause));
            });
    if (updated.equals(live)) {
      return live;
    }
    if (type.generation() && !content(live).equals(content(updated))) {
      metadata.put("generation", live.path("metadata").path("generation").asLong() + 1);
    }
    if (request.dryRun()) {
      return updated;
    }
    Key key = target.key(name);
    if (metadata.has("deletionTimestamp")
        && metadata.path("finalizers").isEmpty()
        && metadata.path("deletionGracePeriodSeconds").asLong() == 0) {
      store.put(key, type, updated);
      return deletion.remove(type, key, updated);
    }
    if (type.is("apiextensions.k8s.io", "customresourcedefinitions")) {
      types.define(updated);
    }
    return store.put(key, type, updated);
  }

  private void complete(ApiRequest request, ResourceType type, String name, ObjectNode object) {
    BuiltInDefaults.apply(type, object);
    if (type.schema().isEmpty()) {
      return;
    }
    StructuralSchema schema = type.schema().get();
    List<String> unknown = schema.prune(object);
    if (!unknown.isEmpty() && request.parameter("fieldValidation").equals("Strict")) {
      throw ApiFailure.badRequest(
          "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %s"
              .formatted(
                  type.kind(),
                  type.version(),
                  type.kind(),
                  String.join(
                      ", ",
                      unknown.stream().map(path -> "unknown field \"" + path + "\"").toList())));
    }
    schema.applyDefaults(object);
    List<ApiFailure.Cause> causes = schema.validate(object);
    if (!causes.isEmpty()) {
      throw ApiFailure.invalid(type, name, causes);
    }
  }

  private static void checkVersion(Target target, ObjectNode live, ObjectNode object) {
    JsonNode metadata = object.path("metadata");
    String version = metadata.path("resourceVersion").asText("");
    if (!version.isEmpty()
        && !version.equals(live.path("metadata").path("resourceVersion").asText())) {
      throw ApiFailure.conflict(
          target.type(),
          target.requireName(),
          "the object has been modified; please apply your changes to the latest version and try"
              + " again");
    }
    String uid = metadata.path("uid").asText("");
    if (!uid.isEmpty() && !uid.equals(live.path("metadata").path("uid").asText())) {
      throw ApiFailure.conflict(
          target.type(),
          target.requireName(),
          "Precondition failed: UID in precondition: %s, UID in object meta: %s"
              .formatted(uid, live.path("metadata").path("uid").asText()));
    }
  }

  private void requireNamespace(Target target) {
    String namespace = target.namespace();
    if (namespace == null) {
      throw ApiFailure.methodNotAllowed("on all namespaces");
    }
    ResourceType namespaces = types.require("", "v1", "namespaces");
    if (store.find(new Key(namespaces.qualifiedPlural(), "", namespace)).isEmpty()) {
      throw ApiFailure.notFound(namespaces, namespace);
    }
  }

  private static void requireKind(ResourceType type, ObjectNode object) {
    if (!object.path("kind").asText().equals(type.kind())
        || !object.path("apiVersion").asText().equals(type.apiVersion())) {
      throw ApiFailure.badRequest(
          "the object provided is a %s of %s, expected a %s of %s"
              .formatted(
                  object.path("kind").asText(),
                  object.path("apiVersion").asText(),
                  type.kind(),
                  type.apiVersion()));
    }
  }

  private static ObjectNode onlyStatus(ObjectNode applied) {
    ObjectNode status = JsonText.object();
    setOrRemove(status, "status", applied);
    return status;
  }

  private static ObjectNode onlyMain(ResourceType type, ObjectNode applied) {
    ObjectNode main = applied.deepCopy();
    if (type.status()) {
      main.remove("status");
    }
    if (main.get("metadata") instanceof ObjectNode metadata) {
      metadata.remove(SERVER_FIELDS);
      metadata.remove("resourceVersion");
    }
    return main;
  }

  private static ObjectNode content(ObjectNode object) {
    ObjectNode content = object.deepCopy();
    content.remove(List.of("metadata", "status"));
    return content;
  }

  private static void setOrRemove(ObjectNode object, String field, ObjectNode from) {
    if (from.has(field)) {
      object.set(field, from.get(field).deepCopy());
    } else {
      object.remove(field);
    }
  }

  private String now() {
    return clock.instant().truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
