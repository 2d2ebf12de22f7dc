package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.embedded.apiserver.ApiRequest.Target;
import dev.finetune.embedded.apiserver.ResourceStore.Change;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** One watch: writes changes, a JSON object a line, until the client or the server ends it. */
final class WatchStream {
  private static final Duration BOOKMARK_EVERY = Duration.ofSeconds(5);
  private static final Duration LONGEST = Duration.ofMinutes(30);

  private final ResourceStore store;
  private final Target target;
  private final Predicate<JsonNode> selected;
  private final Function<ObjectNode, ObjectNode> view;
  private final boolean bookmarks;
  private final Instant end;

  /**
   * @param view how the client wants to see objects: as they are or as rows of a table
   */
  WatchStream(
      ResourceStore store,
      ApiRequest request,
      Target target,
      Function<ObjectNode, ObjectNode> view) {
    this.store = store;
    this.target = target;
    this.selected = ResourceApi.selection(request);
    this.view = view;
    this.bookmarks = request.flag("allowWatchBookmarks");
    String timeout = request.parameter("timeoutSeconds");
    this.end =
        Instant.now()
            .plus(timeout.isEmpty() ? LONGEST : Duration.ofSeconds(Long.parseLong(timeout)));
  }

  /**
   * Writes the changes after a version, of all objects first if the version is 0 or absent.
   *
   * @throws IOException if the client is gone
   * @throws InterruptedException if the server stops
   */
  void writeTo(OutputStream out, String version) throws IOException, InterruptedException {
    BlockingQueue<Change> changes;
    if (version.isEmpty() || version.equals("0")) {
      ResourceStore.Snapshot now;
      synchronized (store) {
        now = store.list(target.type().qualifiedPlural(), target.namespace(), selected);
        changes = store.watch(now.version());
      }
      for (ObjectNode object : now.objects()) {
        send(out, "ADDED", view.apply(object));
      }
    } else {
      changes = store.watch(Long.parseLong(version));
    }
    try {
      follow(out, changes);
    } finally {
      store.unwatch(changes);
    }
  }

  private void follow(OutputStream out, BlockingQueue<Change> changes)
      throws IOException, InterruptedException {
    out.flush();
    while (Instant.now().isBefore(end)) {
      Change change = changes.poll(BOOKMARK_EVERY.toMillis(), TimeUnit.MILLISECONDS);
      if (change != null) {
        write(out, change);
      } else if (bookmarks) {
        // Without traffic a client that went away would never be noticed.
        send(out, "BOOKMARK", bookmark());
      }
    }
  }

  private void write(OutputStream out, Change change) throws IOException {
    boolean ours =
        change.key().resource().equals(target.type().qualifiedPlural())
            && (target.namespace() == null || change.key().namespace().equals(target.namespace()))
            && (target.name() == null || change.key().name().equals(target.name()));
    if (!ours) {
      return;
    }
    boolean was = matches(change.before());
    ObjectNode after = change.after();
    if (after != null && selected.test(after)) {
      send(out, was ? "MODIFIED" : "ADDED", view.apply(after));
    } else if (was && change.before() != null) {
      send(out, "DELETED", view.apply(change.before()));
    }
  }

  private boolean matches(@Nullable ObjectNode object) {
    return object != null && selected.test(object);
  }

  private ObjectNode bookmark() {
    ObjectNode object = JsonText.object();
    object.put("kind", target.type().kind()).put("apiVersion", target.type().apiVersion());
    object
        .putObject("metadata")
        .put("resourceVersion", Long.toString(store.version()))
        .putNull("creationTimestamp");
    return object;
  }

  private static void send(OutputStream out, String type, ObjectNode object) throws IOException {
    ObjectNode event = JsonText.object();
    event.put("type", type).set("object", object);
    out.write(JsonText.bytes(event));
    out.write('\n');
    out.flush();
  }

  /** Returns one object as a table, for clients that print. */
  static Function<ObjectNode, ObjectNode> asTable(Tables tables, ResourceType type) {
    return object ->
        tables.table(
            type, List.of(object), object.path("metadata").path("resourceVersion").asText());
  }
}
