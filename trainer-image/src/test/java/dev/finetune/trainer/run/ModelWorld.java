package dev.finetune.trainer.run;

import dev.finetune.trainer.storage.StoredObject;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The objects of a model, the clock, and the writes that are still on their way. Ids that are drawn
 * at random are renamed in the order in which each actor first uses them, so that the same course
 * of events has the same hash in every execution. An ETag is a hash of the content, as in S3.
 */
final class ModelWorld extends Clock {
  private static final Pattern RANDOM =
      Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}");
  private static final Pattern SEAL =
      Pattern.compile(",\\s*\"sha256\" : \"[0-9a-f]{64}\"\\s*}\\s*$");
  private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
  private static final Duration TICK = Duration.ofMinutes(3);

  /**
   * An object.
   *
   * @param content its bytes
   * @param etag hash of the bytes
   */
  record Version(byte[] content, String etag) {}

  final SortedMap<String, Version> objects = new TreeMap<>();
  final List<ModelRequest> onTheirWay = new ArrayList<>();
  private final Map<String, String> names = new HashMap<>();
  private final Map<Integer, Integer> drawn = new HashMap<>();
  private int ticks;
  private long hash;

  ModelWorld() {}

  /** Makes one with the same objects and time, and nothing on its way. */
  ModelWorld(ModelWorld other) {
    objects.putAll(other.objects);
    names.putAll(other.names);
    drawn.putAll(other.drawn);
    ticks = other.ticks;
    hash = other.hash;
  }

  void tick() {
    ticks++;
  }

  int ticks() {
    return ticks;
  }

  @Override
  public Instant instant() {
    return START.plus(TICK.multipliedBy(ticks));
  }

  /** Returns a hash of everything that a later request could tell. */
  long stateHash() {
    long sum = hash + mix(ticks);
    for (ModelRequest request : onTheirWay) {
      sum += mix(hash(request.actor() + " on its way " + request.text()));
    }
    return sum;
  }

  /** Returns a hash of the objects alone. */
  long contentHash() {
    return hash;
  }

  void put(String key, byte[] content) {
    delete(key);
    Version version = new Version(content.clone(), etag(key, content));
    objects.put(key, version);
    hash += objectHash(key, version);
  }

  void delete(String key) {
    Version former = objects.remove(key);
    if (former != null) {
      hash -= objectHash(key, former);
    }
  }

  @Nullable Version get(String key) {
    return objects.get(key);
  }

  List<StoredObject> list(String folder) {
    List<StoredObject> listed = new ArrayList<>();
    for (Map.Entry<String, Version> object : objects.tailMap(folder).entrySet()) {
      if (!object.getKey().startsWith(folder)) {
        break;
      }
      Version version = object.getValue();
      listed.add(new StoredObject(object.getKey(), version.content().length, version.etag()));
    }
    return listed;
  }

  /** Returns a text with the random ids that an actor drew renamed. */
  String named(int actor, String text) {
    Matcher matcher = RANDOM.matcher(text);
    return matcher.replaceAll(
        id ->
            names.computeIfAbsent(
                id.group(), drawing -> "id-" + actor + "-" + drawn.merge(actor, 1, Integer::sum)));
  }

  /** Returns what an object says, without the seal, which depends on the random ids. */
  String text(int actor, String key, byte[] content) {
    String text = new String(content, StandardCharsets.UTF_8);
    return key.endsWith("head.json") ? named(actor, SEAL.matcher(text).replaceFirst("}")) : text;
  }

  private String etag(String key, byte[] content) {
    // Every id in it was renamed when its writer made the request.
    return Long.toHexString(hash(text(-1, key, content)));
  }

  private long objectHash(String key, Version version) {
    return mix(hash(named(-1, key) + " " + version.etag()));
  }

  /** FNV-1a, 64 bits. */
  static long hash(String text) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < text.length(); i++) {
      hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
    }
    return mix(hash);
  }

  /** The finalizer of SplitMix64. */
  static long mix(long value) {
    long mixed = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
    return mixed ^ (mixed >>> 31);
  }

  @Override
  public ZoneId getZone() {
    return ZoneOffset.UTC;
  }

  @Override
  public Clock withZone(ZoneId zone) {
    throw new UnsupportedOperationException("one zone is enough");
  }
}
