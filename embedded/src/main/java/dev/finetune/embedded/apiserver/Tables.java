package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.function.Function;

/**
 * The rows that {@code kubectl get} prints: a {@code meta.k8s.io/v1} Table from the printer columns
 * of a CRD, or from those of the built-in kind.
 */
final class Tables {
  private final Clock clock;

  private record Cell(String name, String type, int priority, Function<JsonNode, JsonNode> value) {}

  Tables(Clock clock) {
    this.clock = clock;
  }

  /** Writes objects as a table. */
  ObjectNode table(ResourceType type, List<ObjectNode> objects, String version) {
    ObjectNode table = JsonText.object();
    table.put("kind", "Table").put("apiVersion", "meta.k8s.io/v1");
    table.putObject("metadata").put("resourceVersion", version);
    List<Cell> cells = cells(type);
    ArrayNode definitions = table.putArray("columnDefinitions");
    for (Cell cell : cells) {
      definitions
          .addObject()
          .put("name", cell.name())
          .put("type", cell.type().equals("date") ? "string" : cell.type())
          .put("format", cell.name().equalsIgnoreCase("name") ? "name" : "")
          .put("description", "")
          .put("priority", cell.priority());
    }
    ArrayNode rows = table.putArray("rows");
    for (ObjectNode object : objects) {
      ObjectNode row = rows.addObject();
      ArrayNode values = row.putArray("cells");
      for (Cell cell : cells) {
        JsonNode value = cell.value().apply(object);
        values.add(value.isMissingNode() ? values.nullNode() : value);
      }
      ObjectNode partial = row.putObject("object");
      partial.put("kind", "PartialObjectMetadata").put("apiVersion", "meta.k8s.io/v1");
      partial.set("metadata", object.get("metadata"));
    }
    return table;
  }

  private List<Cell> cells(ResourceType type) {
    List<Cell> cells = new java.util.ArrayList<>();
    cells.add(cell("Name", "string", object -> object.path("metadata").path("name")));
    boolean age = type.columns().isEmpty();
    for (ResourceType.Column column : type.columns()) {
      cells.add(
          new Cell(
              column.name(),
              column.type(),
              column.priority(),
              object -> custom(column, column.path().read(object))));
    }
    if (type.is("", "pods")) {
      cells.add(cell("Ready", "string", Tables::podReady));
      cells.add(cell("Status", "string", Tables::podStatus));
      cells.add(
          cell(
              "Restarts",
              "integer",
              pod -> number(pod.at("/status/containerStatuses/0/restartCount").asLong(0))));
    } else if (type.is("batch", "jobs")) {
      cells.add(cell("Status", "string", Tables::jobStatus));
      cells.add(cell("Completions", "string", Tables::jobCompletions));
    } else if (type.is("", "configmaps")) {
      cells.add(cell("Data", "integer", object -> number(object.path("data").size())));
    } else if (type.is("", "secrets")) {
      cells.add(cell("Type", "string", object -> object.path("type")));
      cells.add(cell("Data", "integer", object -> number(object.path("data").size())));
    } else if (type.is("", "namespaces")) {
      cells.add(cell("Status", "string", object -> object.at("/status/phase")));
    } else if (type.plural().equals("events")) {
      age = false;
      cells.addFirst(cell("Last Seen", "string", event -> ago(lastSeen(event))));
      cells.add(cell("Type", "string", event -> event.path("type")));
      cells.add(cell("Reason", "string", event -> event.path("reason")));
      cells.add(cell("Message", "string", Tables::message));
    }
    if (age) {
      cells.add(cell("Age", "date", object -> ago(object.at("/metadata/creationTimestamp"))));
    }
    return cells;
  }

  private static Cell cell(String name, String type, Function<JsonNode, JsonNode> value) {
    return new Cell(name, type, 0, value);
  }

  private JsonNode custom(ResourceType.Column column, JsonNode value) {
    if (value.isMissingNode() || value.isNull()) {
      return com.fasterxml.jackson.databind.node.MissingNode.getInstance();
    }
    return switch (column.type()) {
      case "date" -> ago(value);
      case "string" -> text(value.isValueNode() ? value.asText() : JsonText.text(value));
      default -> value;
    };
  }

  private JsonNode ago(JsonNode time) {
    try {
      return text(shortDuration(Duration.between(Instant.parse(time.asText()), clock.instant())));
    } catch (DateTimeParseException _) {
      return text("<unknown>");
    }
  }

  /** Writes a duration as kubectl does: 45s, 3m12s, 25m, 4h5m, 2d. */
  static String shortDuration(Duration duration) {
    long seconds = Math.max(0, duration.toSeconds());
    if (seconds < 120) {
      return seconds + "s";
    }
    long minutes = seconds / 60;
    if (minutes < 10) {
      return minutes + "m" + (seconds % 60 == 0 ? "" : seconds % 60 + "s");
    }
    if (minutes < 180) {
      return minutes + "m";
    }
    long hours = minutes / 60;
    if (hours < 8) {
      return hours + "h" + (minutes % 60 == 0 ? "" : minutes % 60 + "m");
    }
    return hours < 48 ? hours + "h" : hours / 24 + "d";
  }

  private static JsonNode podReady(JsonNode pod) {
    int ready = 0;
    for (JsonNode container : pod.at("/status/containerStatuses")) {
      ready += container.path("ready").asBoolean() ? 1 : 0;
    }
    return text(ready + "/" + pod.at("/spec/containers").size());
  }

  private static JsonNode podStatus(JsonNode pod) {
    if (pod.path("metadata").has("deletionTimestamp")) {
      return text("Terminating");
    }
    JsonNode state = pod.at("/status/containerStatuses/0/state");
    String reason =
        state
            .path("terminated")
            .path("reason")
            .asText(state.path("waiting").path("reason").asText(""));
    String podReason = pod.at("/status/reason").asText("");
    if (!podReason.isEmpty()) {
      return text(podReason);
    }
    return text(reason.isEmpty() ? pod.at("/status/phase").asText("Unknown") : reason);
  }

  private static JsonNode jobStatus(JsonNode job) {
    for (String type : List.of("Complete", "Failed", "Suspended", "FailureTarget")) {
      for (JsonNode condition : job.at("/status/conditions")) {
        if (condition.path("type").asText().equals(type)
            && condition.path("status").asText().equals("True")) {
          return text(type);
        }
      }
    }
    return text("Running");
  }

  private static JsonNode jobCompletions(JsonNode job) {
    return text(job.at("/status/succeeded").asInt(0) + "/" + job.at("/spec/completions").asInt(1));
  }

  private static JsonNode lastSeen(JsonNode event) {
    for (String field : List.of("lastTimestamp", "eventTime", "firstTimestamp")) {
      if (event.hasNonNull(field)) {
        return event.path(field);
      }
    }
    return event.at("/metadata/creationTimestamp");
  }

  private static JsonNode message(JsonNode event) {
    return event.has("message") ? event.path("message") : event.path("note");
  }

  private static JsonNode text(String text) {
    return com.fasterxml.jackson.databind.node.TextNode.valueOf(text);
  }

  private static JsonNode number(long value) {
    return com.fasterxml.jackson.databind.node.LongNode.valueOf(value);
  }
}
