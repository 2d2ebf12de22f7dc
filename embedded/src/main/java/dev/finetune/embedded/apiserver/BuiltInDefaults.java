package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** What a real server fills in or refuses in built-in kinds, as far as anyone here relies on it. */
final class BuiltInDefaults {
  private BuiltInDefaults() {}

  /** Completes an object that is about to be stored; {@code metadata.uid} is set already. */
  static void apply(ResourceType type, ObjectNode object) {
    if (type.is("batch", "jobs")) {
      job(object);
    } else if (type.is("", "pods")) {
      absent(objectAt(object, "status"), "phase", "Pending");
    } else if (type.is("", "namespaces")) {
      absent(objectAt(object, "status"), "phase", "Active");
    } else if (type.is("", "secrets")) {
      secret(object);
    }
  }

  /** Returns why an update is refused, if it is. */
  static Optional<ApiFailure.Cause> refusal(
      ResourceType type, ObjectNode before, ObjectNode after) {
    if (type.is("batch", "jobs")) {
      boolean maySchedule =
          before.path("spec").path("suspend").asBoolean()
              && !before.path("status").has("startTime");
      for (String field : List.of("template", "selector", "completions")) {
        boolean same = before.path("spec").path(field).equals(after.path("spec").path(field));
        if (!same && !(maySchedule && field.equals("template"))) {
          return Optional.of(
              new ApiFailure.Cause(
                  "FieldValueInvalid", "spec." + field, "Invalid value: field is immutable"));
        }
      }
    }
    boolean frozen = before.path("immutable").asBoolean();
    if ((type.is("", "configmaps") || type.is("", "secrets"))
        && frozen
        && !(before.path("data").equals(after.path("data"))
            && before.path("binaryData").equals(after.path("binaryData"))
            && after.path("immutable").asBoolean())) {
      return Optional.of(
          new ApiFailure.Cause(
              "FieldValueForbidden",
              "data",
              "Forbidden: field is immutable when `immutable` is set"));
    }
    return Optional.empty();
  }

  /** Marks a definition as established. */
  static void establish(ObjectNode definition, String time) {
    ObjectNode status = objectAt(definition, "status");
    ArrayNode conditions = status.putArray("conditions");
    for (String condition : List.of("NamesAccepted", "Established")) {
      conditions
          .addObject()
          .put("type", condition)
          .put("status", "True")
          .put("reason", condition.equals("Established") ? "InitialNamesAccepted" : "NoConflicts")
          .put("message", "the names have been accepted")
          .put("lastTransitionTime", time);
    }
    status.set("acceptedNames", definition.path("spec").path("names"));
    ArrayNode versions = status.putArray("storedVersions");
    definition.path("spec").path("versions").forEach(v -> versions.add(v.path("name").asText()));
  }

  private static void job(ObjectNode job) {
    ObjectNode spec = objectAt(job, "spec");
    if (!job.has("status")) {
      job.putObject("status");
    }
    String uid = job.path("metadata").path("uid").asText();
    String name = job.path("metadata").path("name").asText();
    if (!spec.has("parallelism")) {
      spec.put("parallelism", 1);
    }
    if (!spec.has("completions")) {
      spec.put("completions", 1);
    }
    if (!spec.has("backoffLimit")) {
      spec.put("backoffLimit", 6);
    }
    absent(spec, "completionMode", "NonIndexed");
    if (!spec.has("suspend")) {
      spec.put("suspend", false);
    }
    if (!spec.has("selector")) {
      spec.putObject("selector")
          .putObject("matchLabels")
          .put("batch.kubernetes.io/controller-uid", uid);
      ObjectNode labels = objectAt(objectAt(objectAt(spec, "template"), "metadata"), "labels");
      labels.put("batch.kubernetes.io/controller-uid", uid);
      labels.put("batch.kubernetes.io/job-name", name);
      labels.put("controller-uid", uid);
      labels.put("job-name", name);
    }
  }

  private static void secret(ObjectNode secret) {
    absent(secret, "type", "Opaque");
    JsonNode plain = secret.remove("stringData");
    if (plain == null) {
      return;
    }
    ObjectNode data = objectAt(secret, "data");
    for (var field : plain.properties()) {
      byte[] value = field.getValue().asText().getBytes(StandardCharsets.UTF_8);
      data.put(field.getKey(), Base64.getEncoder().encodeToString(value));
    }
  }

  private static void absent(ObjectNode object, String field, String value) {
    if (!object.has(field)) {
      object.put(field, value);
    }
  }

  static ObjectNode objectAt(ObjectNode object, String field) {
    return object.get(field) instanceof ObjectNode inner ? inner : object.putObject(field);
  }
}
