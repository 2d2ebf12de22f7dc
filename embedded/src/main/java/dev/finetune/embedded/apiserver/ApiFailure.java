package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.stream.Collectors;

/** A request that the server refuses; answered as a {@code Status} object. */
final class ApiFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int code;
  private final String reason;
  private final transient ObjectNode details;

  /** One thing wrong with a field. */
  record Cause(String reason, String field, String message) {}

  private ApiFailure(int code, String reason, String message, ObjectNode details) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  static ApiFailure badRequest(String message) {
    return new ApiFailure(400, "BadRequest", message, JsonText.object());
  }

  static ApiFailure notFound(ResourceType type, String name) {
    return new ApiFailure(
        404,
        "NotFound",
        "%s \"%s\" not found".formatted(type.qualifiedPlural(), name),
        details(type, name));
  }

  static ApiFailure noSuchPath() {
    return new ApiFailure(
        404, "NotFound", "the server could not find the requested resource", JsonText.object());
  }

  static ApiFailure methodNotAllowed(String method) {
    return new ApiFailure(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource: " + method,
        JsonText.object());
  }

  static ApiFailure alreadyExists(ResourceType type, String name) {
    return new ApiFailure(
        409,
        "AlreadyExists",
        "%s \"%s\" already exists".formatted(type.qualifiedPlural(), name),
        details(type, name));
  }

  static ApiFailure conflict(ResourceType type, String name, String why) {
    return new ApiFailure(
        409,
        "Conflict",
        "Operation cannot be fulfilled on %s \"%s\": %s"
            .formatted(type.qualifiedPlural(), name, why),
        details(type, name));
  }

  static ApiFailure applyConflict(ResourceType type, String name, List<Cause> causes) {
    ObjectNode details = details(type, name);
    addCauses(details, causes);
    return new ApiFailure(
        409,
        "Conflict",
        "Apply failed with %d conflict%s: %s"
            .formatted(
                causes.size(),
                causes.size() == 1 ? "" : "s",
                causes.stream()
                    .map(cause -> cause.message() + ": " + cause.field())
                    .collect(Collectors.joining(", "))),
        details);
  }

  static ApiFailure expired(long version) {
    return new ApiFailure(
        410, "Expired", "too old resource version: %d".formatted(version), JsonText.object());
  }

  static ApiFailure unsupportedMediaType(String type) {
    return new ApiFailure(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format: " + type,
        JsonText.object());
  }

  static ApiFailure invalid(ResourceType type, String name, List<Cause> causes) {
    ObjectNode details = details(type, name);
    details.put("kind", type.kind());
    addCauses(details, causes);
    String what =
        causes.stream()
            .map(cause -> cause.field() + ": " + cause.message())
            .collect(Collectors.joining(", "));
    return new ApiFailure(
        422,
        "Invalid",
        "%s \"%s\" is invalid: %s"
            .formatted(
                type.group().isEmpty() ? type.kind() : type.kind() + "." + type.group(),
                name,
                causes.size() == 1 ? what : "[" + what + "]"),
        details);
  }

  /** Returns the HTTP status. */
  int code() {
    return code;
  }

  /** Returns the body of the answer. */
  ObjectNode toStatus() {
    ObjectNode status = JsonText.object();
    status.put("kind", "Status").put("apiVersion", "v1");
    status.putObject("metadata");
    status.put("status", "Failure").put("message", getMessage()).put("reason", reason);
    if (!details.isEmpty()) {
      status.set("details", details);
    }
    status.put("code", code);
    return status;
  }

  private static ObjectNode details(ResourceType type, String name) {
    ObjectNode details = JsonText.object();
    details.put("name", name);
    if (!type.group().isEmpty()) {
      details.put("group", type.group());
    }
    details.put("kind", type.plural());
    return details;
  }

  private static void addCauses(ObjectNode details, List<Cause> causes) {
    ArrayNode list = details.putArray("causes");
    for (Cause cause : causes) {
      list.addObject()
          .put("reason", cause.reason())
          .put("message", cause.message())
          .put("field", cause.field());
    }
  }
}
