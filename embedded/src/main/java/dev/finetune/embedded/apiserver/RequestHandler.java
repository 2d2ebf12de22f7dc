package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import dev.finetune.embedded.apiserver.ApiRequest.Target;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Turns HTTP exchanges into calls of {@link ResourceApi} and back. */
final class RequestHandler implements HttpHandler {
  private static final Logger LOG = LoggerFactory.getLogger(RequestHandler.class);
  private static final int LARGEST_BODY = 3 << 20;
  private static final Set<String> REVIEWS =
      Set.of("selfsubjectrulesreviews", "selfsubjectaccessreviews");

  private final ResourceTypes types;
  private final ResourceStore store;
  private final ResourceApi api;
  private final Discovery discovery;
  private final Tables tables;
  private final AtomicReference<PodLogs> logs;

  RequestHandler(
      ResourceTypes types, ResourceStore store, Clock clock, AtomicReference<PodLogs> logs) {
    this.types = types;
    this.store = store;
    this.api = new ResourceApi(types, store, clock);
    this.discovery = new Discovery(types);
    this.tables = new Tables(clock);
    this.logs = logs;
  }

  @Override
  public void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      try {
        answer(exchange, read(exchange));
      } catch (ApiFailure failure) {
        send(exchange, failure.code(), failure.toStatus());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (RuntimeException e) {
        LOG.error("{} {} failed", exchange.getRequestMethod(), exchange.getRequestURI(), e);
        ObjectNode status = JsonText.object();
        status.put("kind", "Status").put("apiVersion", "v1").put("status", "Failure");
        status.put("reason", "InternalError").put("message", e.toString()).put("code", 500);
        send(exchange, 500, status);
      }
    }
  }

  private static ApiRequest read(HttpExchange exchange) throws IOException {
    byte[] body;
    try (InputStream in = exchange.getRequestBody()) {
      body = in.readNBytes(LARGEST_BODY + 1);
    }
    if (header(exchange, "Content-Type").contains("protobuf")) {
      throw ApiFailure.unsupportedMediaType(
          "protobuf is not served here; apply a YAML or JSON file instead");
    }
    if (body.length > LARGEST_BODY) {
      throw ApiFailure.badRequest("the body is larger than " + LARGEST_BODY + " bytes");
    }
    return new ApiRequest(
        exchange.getRequestMethod(),
        ApiRequest.segments(exchange.getRequestURI()),
        ApiRequest.parameters(exchange.getRequestURI()),
        header(exchange, "Content-Type"),
        header(exchange, "Accept"),
        header(exchange, "User-Agent"),
        body);
  }

  private void answer(HttpExchange exchange, ApiRequest request)
      throws IOException, InterruptedException {
    List<String> path = request.path();
    if (path.isEmpty()) {
      throw ApiFailure.noSuchPath();
    }
    if (path.size() == 1 && Set.of("healthz", "livez", "readyz").contains(path.getFirst())) {
      sendText(exchange, "ok".getBytes(StandardCharsets.UTF_8));
      return;
    }
    Optional<ObjectNode> found =
        request.method().equals("GET") ? discovery.answer(path) : Optional.empty();
    if (found.isPresent()) {
      send(exchange, 200, found.get());
    } else if (path.size() == 4 && path.get(1).equals("authorization.k8s.io")) {
      send(exchange, 201, review(request, path.getLast()));
    } else if (path.getFirst().equals("api") || path.getFirst().equals("apis")) {
      answer(exchange, request, request.target(types));
    } else {
      throw ApiFailure.noSuchPath();
    }
  }

  private void answer(HttpExchange exchange, ApiRequest request, Target target)
      throws IOException, InterruptedException {
    String subresource = target.subresource();
    boolean known =
        subresource.isEmpty() || (subresource.equals("status") && target.type().status());
    if (!known) {
      answerOther(exchange, request, target);
      return;
    }
    switch (request.method()) {
      case "GET" -> read(exchange, request, target);
      case "POST" -> {
        if (target.name() != null) {
          throw ApiFailure.methodNotAllowed("POST on an object");
        }
        send(exchange, 201, api.create(request, target));
      }
      case "PUT" -> send(exchange, 200, api.update(request, target));
      case "PATCH" -> send(exchange, 200, api.patch(request, target));
      case "DELETE" ->
          send(
              exchange,
              200,
              target.name() == null ? api.deleteAll(request, target) : api.delete(request, target));
      default -> throw ApiFailure.methodNotAllowed(request.method());
    }
  }

  private void read(HttpExchange exchange, ApiRequest request, Target target)
      throws IOException, InterruptedException {
    boolean asTable = request.accept().contains("as=Table");
    if (request.flag("watch")) {
      watch(exchange, request, target, asTable);
    } else if (target.name() != null) {
      ObjectNode object = api.get(target);
      String version = object.path("metadata").path("resourceVersion").asText();
      send(exchange, 200, asTable ? tables.table(target.type(), List.of(object), version) : object);
    } else {
      var snapshot = api.list(request, target);
      send(
          exchange,
          200,
          asTable
              ? tables.table(target.type(), snapshot.objects(), Long.toString(snapshot.version()))
              : ResourceApi.toList(target.type(), snapshot));
    }
  }

  private void watch(HttpExchange exchange, ApiRequest request, Target target, boolean asTable)
      throws IOException, InterruptedException {
    if (header(exchange, "Upgrade").equalsIgnoreCase("websocket")) {
      // A client that tries a WebSocket first goes on with a plain stream after 200, at once; after
      // 503 it does too, but tries the WebSocket again for 20 seconds.
      send(exchange, 200, JsonText.object().put("message", "WebSockets are not served"));
      return;
    }
    if (request.flag("sendInitialEvents")) {
      throw ApiFailure.invalid(
          target.type(),
          "",
          List.of(
              new ApiFailure.Cause(
                  "FieldValueForbidden", "sendInitialEvents", "Forbidden: not supported")));
    }
    Function<ObjectNode, ObjectNode> view =
        asTable ? WatchStream.asTable(tables, target.type()) : Function.identity();
    WatchStream stream = new WatchStream(store, request, target, view);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(200, 0);
    OutputStream out = exchange.getResponseBody();
    try {
      stream.writeTo(out, request.parameter("resourceVersion"));
    } catch (ApiFailure failure) {
      ObjectNode event = JsonText.object().put("type", "ERROR");
      event.set("object", failure.toStatus());
      out.write(JsonText.bytes(event));
      out.write('\n');
      out.flush();
    } catch (IOException e) {
      LOG.debug("a watch of {} ended: {}", target.type().plural(), e.getMessage());
    }
  }

  private void answerOther(HttpExchange exchange, ApiRequest request, Target target)
      throws IOException {
    boolean pod = target.type().is("", "pods");
    if (pod && target.subresource().equals("eviction") && request.method().equals("POST")) {
      send(exchange, 201, api.evict(request, target));
    } else if (pod && target.subresource().equals("log") && request.method().equals("GET")) {
      api.get(target);
      try (InputStream log = openLog(target)) {
        sendText(exchange, log.readAllBytes());
      }
    } else {
      throw ApiFailure.noSuchPath();
    }
  }

  private InputStream openLog(Target target) throws IOException {
    String namespace = target.namespace() == null ? "" : target.namespace();
    return logs.get()
        .open(namespace, target.requireName())
        .orElseThrow(() -> ApiFailure.badRequest("the pod has printed nothing here"));
  }

  /** Everyone may do everything here. */
  private static ObjectNode review(ApiRequest request, String plural) {
    if (!REVIEWS.contains(plural)) {
      throw ApiFailure.noSuchPath();
    }
    ObjectNode review = JsonText.parseObject(request.body());
    ObjectNode status = review.putObject("status");
    if (plural.equals("selfsubjectaccessreviews")) {
      status.put("allowed", true);
    } else {
      status.put("incomplete", false);
      ObjectNode rule = status.putArray("resourceRules").addObject();
      List.of("apiGroups", "resources", "verbs").forEach(field -> rule.putArray(field).add("*"));
      ObjectNode paths = status.putArray("nonResourceRules").addObject();
      List.of("nonResourceURLs", "verbs").forEach(field -> paths.putArray(field).add("*"));
    }
    return review;
  }

  private static String header(HttpExchange exchange, String name) {
    String value = exchange.getRequestHeaders().getFirst(name);
    return value == null ? "" : value;
  }

  private static void send(HttpExchange exchange, int code, JsonNode body) throws IOException {
    byte[] bytes = JsonText.bytes(body);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(code, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  private static void sendText(HttpExchange exchange, byte[] text) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", "text/plain");
    exchange.sendResponseHeaders(200, text.length == 0 ? -1 : text.length);
    exchange.getResponseBody().write(text);
  }
}
