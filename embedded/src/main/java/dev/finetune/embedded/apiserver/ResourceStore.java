package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * All objects, their resource versions and the last changes. One lock, this object's monitor,
 * orders all writes; a caller that reads and then writes holds it. Objects that were handed in or
 * out are never changed afterwards.
 */
final class ResourceStore {
  private static final int HISTORY = 20_000;

  /** Where an object is. The namespace is empty for cluster-wide objects. */
  record Key(String resource, String namespace, String name) implements Comparable<Key> {
    private static final Comparator<Key> ORDER =
        Comparator.comparing(Key::resource).thenComparing(Key::namespace).thenComparing(Key::name);

    @Override
    public int compareTo(Key other) {
      return ORDER.compare(this, other);
    }
  }

  /** An object and its kind. */
  record Stored(Key key, ResourceType type, ObjectNode object) {}

  /** What happened to an object: {@code before} is null for a new one, {@code after} for a gone. */
  record Change(long version, Key key, @Nullable ObjectNode before, @Nullable ObjectNode after) {}

  /** Objects at one version. */
  record Snapshot(long version, List<ObjectNode> objects) {}

  private final NavigableMap<Key, Stored> objects = new TreeMap<>();
  private final Deque<Change> history = new ArrayDeque<>();
  private final List<BlockingQueue<Change>> watchers = new CopyOnWriteArrayList<>();
  private long version = 1;
  private long forgotten = 0;

  synchronized Optional<ObjectNode> find(Key key) {
    return Optional.ofNullable(objects.get(key)).map(Stored::object);
  }

  /** Returns the objects of a resource, in all namespaces if none is given. */
  synchronized Snapshot list(
      String resource, @Nullable String namespace, Predicate<? super ObjectNode> selected) {
    List<ObjectNode> found = new ArrayList<>();
    for (Stored stored : objects.tailMap(new Key(resource, "", ""), true).values()) {
      if (!stored.key().resource().equals(resource)) {
        break;
      }
      if ((namespace == null || stored.key().namespace().equals(namespace))
          && selected.test(stored.object())) {
        found.add(stored.object());
      }
    }
    return new Snapshot(version, found);
  }

  synchronized List<Stored> everything() {
    return new ArrayList<>(objects.values());
  }

  /** Stores an object under the next resource version and returns it as stored. */
  synchronized ObjectNode put(Key key, ResourceType type, ObjectNode object) {
    long now = ++version;
    ((ObjectNode) object.get("metadata")).put("resourceVersion", Long.toString(now));
    Stored before = objects.put(key, new Stored(key, type, object));
    publish(new Change(now, key, before == null ? null : before.object(), object));
    return object;
  }

  /** Removes an object and returns it with the resource version of its removal. */
  synchronized ObjectNode remove(Key key) {
    Stored gone = objects.remove(key);
    if (gone == null) {
      throw new IllegalStateException("there is no object to remove at " + key);
    }
    long now = ++version;
    ObjectNode last = gone.object().deepCopy();
    ((ObjectNode) last.get("metadata")).put("resourceVersion", Long.toString(now));
    publish(new Change(now, key, last, null));
    return last;
  }

  /**
   * Starts a watch after a version.
   *
   * @throws ApiFailure if changes after that version are no longer known
   */
  synchronized BlockingQueue<Change> watch(long after) {
    if (after < forgotten) {
      throw ApiFailure.expired(after);
    }
    BlockingQueue<Change> queue = new LinkedBlockingQueue<>();
    for (Change change : history) {
      if (change.version() > after) {
        queue.add(change);
      }
    }
    watchers.add(queue);
    return queue;
  }

  void unwatch(BlockingQueue<Change> queue) {
    watchers.remove(queue);
  }

  synchronized long version() {
    return version;
  }

  private void publish(Change change) {
    history.addLast(change);
    if (history.size() > HISTORY) {
      forgotten = history.removeFirst().version();
    }
    for (BlockingQueue<Change> watcher : watchers) {
      watcher.add(change);
    }
  }
}
