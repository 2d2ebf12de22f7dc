package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.trainer.run.ModelRequest.Kind;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What must hold in every state of a model. Written apart from the code of the product, so that
 * both would have to be wrong in the same way.
 */
final class ProtocolRules {
  private static final String HEAD = ModelActor.FOLDER + "head.json";
  private static final String RUN = ModelActor.FOLDER + "run.json";
  private static final Pattern OF_ATTEMPT =
      Pattern.compile(Pattern.quote(ModelActor.FOLDER) + "(attempt-(\\d{4})/([^/]*/)?)([^/]+)");

  /** A claim that an actor makes, and what it got. */
  private static final class Asking {
    private final String owner;
    private final boolean takeOver;
    private final List<Integer> numbers = new ArrayList<>();
    private @Nullable CheckpointEntry newest;

    Asking(String owner, boolean takeOver) {
      this.owner = owner;
      this.takeOver = takeOver;
    }
  }

  /** A rule that does not hold. */
  static final class Violation extends AssertionError {
    private static final long serialVersionUID = 1L;

    Violation(String what) {
      super(what);
    }
  }

  private final int keepLast;
  private final int keepBest;
  private final Map<Integer, Asking> asking = new TreeMap<>();
  private final Set<String> everListed = new TreeSet<>();
  private final Map<String, Head> parsed = new HashMap<>();
  private final Set<String> ends = new TreeSet<>();

  ProtocolRules(ModelScenario scenario, ModelWorld world) {
    this.keepLast = scenario.options().keepLast();
    this.keepBest = scenario.options().keepBest();
    Head head = head(world);
    if (head != null) {
      head.checkpoints().forEach(entry -> everListed.add(entry.folder()));
    }
  }

  /** Makes a copy that knows of the same claims. */
  ProtocolRules(ProtocolRules other) {
    this.keepLast = other.keepLast;
    this.keepBest = other.keepBest;
    asking.putAll(other.asking);
    everListed.addAll(other.everListed);
  }

  void check(boolean holds, String what) {
    if (!holds) {
      throw new Violation(what);
    }
  }

  /** Returns how actors ended, for a test that wants to know that it came to that. */
  Set<String> ends() {
    return ends;
  }

  long stateHash() {
    long hash = ModelWorld.hash(everListed.toString());
    for (Map.Entry<Integer, Asking> entry : asking.entrySet()) {
      hash += ModelWorld.hash(entry.getKey() + " took " + entry.getValue().numbers);
    }
    return hash;
  }

  @Nullable Head head(ModelWorld world) {
    ModelWorld.Version version = world.get(HEAD);
    return version == null ? null : parse(version.content());
  }

  private Head parse(byte[] content) {
    return parsed.computeIfAbsent(
        Sha256.of(content),
        hash -> {
          try {
            return SealedJson.read(content, Head.class);
          } catch (IOException e) {
            throw new Violation("head.json is broken: " + e);
          }
        });
  }

  // What is written

  void beforeWrite(ModelWorld world, ModelRequest request) {
    ModelWorld.Version former = world.get(request.key());
    if (request.key().equals(HEAD)) {
      check(request.kind().isConditional(), "head.json must only change by compare-and-set");
      writesHead(world, head(world), parse(request.content()), request.actor());
    } else if (request.key().equals(RUN)) {
      check(request.kind() == Kind.PUT_IF_ABSENT && former == null, "run.json must not change");
    } else {
      Matcher matcher = OF_ATTEMPT.matcher(request.key());
      check(matcher.matches(), "writes what no trainer writes: " + request.text());
      int attempt = Integer.parseInt(matcher.group(2));
      if (request.kind() == Kind.DELETE) {
        deletes(world, request, matcher.group(1), attempt);
      } else {
        puts(world, request, matcher.group(1), attempt);
      }
    }
  }

  private void puts(ModelWorld world, ModelRequest request, String folder, int attempt) {
    ModelWorld.Version former = world.get(request.key());
    Asking asked = asking.get(request.actor());
    check(
        asked != null && asked.numbers.contains(attempt),
        "writes into the folder of another attempt: " + request.text());
    boolean same =
        former != null && Sha256.of(former.content()).equals(Sha256.of(request.content()));
    check(
        former == null || same || request.key().endsWith("/progress.json"),
        "overwrites with other bytes: " + request.text());
    check(same || !isNamed(world, folder), "writes where a pointer points: " + request.text());
  }

  private void deletes(ModelWorld world, ModelRequest request, String folder, int attempt) {
    check(!isNamed(world, folder), "deletes what a pointer names: " + request.text());
    check(
        folder.contains("/checkpoint-") || folder.endsWith("/adapter/"),
        "deletes what is no checkpoint: " + request.text());
    Asking asked = asking.get(request.actor());
    int own = asked == null || asked.numbers.isEmpty() ? 0 : asked.numbers.getLast();
    check(
        attempt < own || (attempt == own && everListed.contains(folder)),
        "attempt " + own + " deletes what may still be needed: " + request.text());
  }

  private boolean isNamed(ModelWorld world, String folder) {
    Head head = head(world);
    return head != null
        && (head.checkpoints().stream().anyMatch(e -> e.folder().equals(folder))
            || (head.delivered() != null && head.delivered().folder().equals(folder)));
  }

  private void writesHead(ModelWorld world, @Nullable Head old, Head next, int actor) {
    Asking asked = asking.get(actor);
    check(asked != null, "writes the head without a claim");
    if (old == null || next.attempt() != old.attempt()) {
      takes(world, old, next, asked);
    } else {
      check(
          next.owner().equals(old.owner()) && asked.numbers.contains(next.attempt()),
          "an attempt that does not own the run writes the head");
      check(
          old.delivered() == null || old.delivered().equals(next.delivered()),
          "a delivery is forgotten");
      if (!next.checkpoints().equals(old.checkpoints())) {
        check(old.delivered() == null, "a delivered run gets another checkpoint");
        lists(world, old, next);
      }
      if (old.delivered() == null && next.delivered() != null) {
        check(next.delivered().attempt() == next.attempt(), "delivers what another attempt wrote");
        checkWhole(world, next.delivered().folder(), next.delivered().manifestSha256());
      }
    }
  }

  private void takes(ModelWorld world, @Nullable Head old, Head next, Asking asked) {
    int former = old == null ? 0 : old.attempt();
    check(next.attempt() == former + 1, "attempt " + next.attempt() + " after " + former);
    check(asked.numbers.isEmpty(), "one claim takes two numbers: " + asked.numbers);
    List<CheckpointEntry> known = old == null ? List.of() : old.checkpoints();
    check(next.checkpoints().equals(known), "a claim changes the checkpoints");
    check(next.delivered() == null && (old == null || old.delivered() == null), "claims the end");
    if (old != null && !asked.owner.equals(old.owner()) && !asked.takeOver) {
      Duration age = Duration.between(old.heartbeat(), world.instant());
      check(
          age.compareTo(ModelActor.FRESH) >= 0,
          "takes the run from an owner that gave a sign of life " + age + " ago");
    }
    asked.numbers.add(next.attempt());
    asked.newest = newest(known);
  }

  private void lists(ModelWorld world, Head old, Head next) {
    List<CheckpointEntry> added = new ArrayList<>(next.checkpoints());
    added.removeAll(old.checkpoints());
    check(added.size() == 1, "lists other than one checkpoint: " + added);
    CheckpointEntry entry = added.getFirst();
    check(entry.attempt() == old.attempt(), "lists what a fenced attempt wrote: " + entry);
    checkWhole(world, entry.folder(), entry.manifestSha256());
    check(
        next.checkpoints().equals(kept(old.checkpoints(), entry)),
        "keeps others than it should: " + next.checkpoints());
    check(next.latest() != null && next.latest() == entry.step(), "latest is " + next.latest());
    everListed.add(entry.folder());
  }

  private List<CheckpointEntry> kept(List<CheckpointEntry> old, CheckpointEntry added) {
    List<CheckpointEntry> course = new ArrayList<>(old);
    course.removeIf(entry -> entry.step() >= added.step());
    course.add(added);
    List<CheckpointEntry> measured =
        course.stream()
            .filter(entry -> entry.evalLoss() != null)
            .sorted(
                Comparator.comparing(CheckpointEntry::evalLoss)
                    .thenComparing(CheckpointEntry::step))
            .limit(keepBest)
            .toList();
    int first = course.size() - keepLast;
    return course.stream()
        .filter(entry -> course.indexOf(entry) >= first || measured.contains(entry))
        .toList();
  }

  /** Checks every file of a folder against its manifest. */
  void checkWhole(ModelWorld world, String folder, String manifestSha256) {
    ModelWorld.Version manifest = world.get(ModelActor.FOLDER + folder + "manifest.json");
    check(
        manifest != null && Sha256.of(manifest.content()).equals(manifestSha256),
        "names a folder without its manifest: " + folder);
    try {
      for (Map.Entry<String, Manifest.ManifestEntry> file :
          RunJson.read(manifest.content(), Manifest.class).files().entrySet()) {
        ModelWorld.Version version = world.get(ModelActor.FOLDER + folder + file.getKey());
        check(
            version != null && Sha256.of(version.content()).equals(file.getValue().sha256()),
            "names a folder with a broken " + file.getKey() + ": " + folder);
      }
    } catch (IOException e) {
      throw new Violation(folder + "manifest.json is broken: " + e);
    }
  }

  /** Checks everything that the head names. */
  void checkWhole(ModelWorld world) {
    Head head = head(world);
    if (head != null) {
      head.checkpoints().forEach(e -> checkWhole(world, e.folder(), e.manifestSha256()));
      if (head.delivered() != null) {
        checkWhole(world, head.delivered().folder(), head.delivered().manifestSha256());
      }
    }
  }

  // What actors are told

  void claims(int actor, String owner, boolean takeOver) {
    asking.put(actor, new Asking(owner, takeOver));
  }

  void claimed(int actor, int attempt) {
    List<Integer> numbers = asking.get(actor).numbers;
    check(numbers.equals(List.of(attempt)), "claims " + attempt + ", but took " + numbers);
    ends.add("claimed");
  }

  void refused(ModelWorld world, int actor) {
    Asking asked = asking.get(actor);
    check(asked.numbers.isEmpty(), "refused, but took " + asked.numbers);
    check(head(world) != null && !asked.takeOver, "refused without a reason");
    ends.add("refused");
  }

  void toldDelivered(ModelWorld world, int actor, Delivery delivery) {
    check(asking.get(actor).numbers.isEmpty(), "delivered, but took a number");
    check(delivery.equals(head(world).delivered()), "told of another delivery");
    ends.add("told that it is delivered");
  }

  void fenced(ModelWorld world, int actor) {
    Head head = head(world);
    List<Integer> numbers = asking.get(actor).numbers;
    int own = numbers.isEmpty() ? 1 : numbers.getLast();
    check(head != null && head.attempt() > own, "attempt " + own + " is fenced by nobody");
    ends.add("fenced");
  }

  void crashed(int actor) {
    ends.add("crashed");
  }

  void frozen(ModelWorld world, RunRecord record) {
    try {
      RunRecord stored = SealedJson.read(world.get(RUN).content(), RunRecord.class);
      check(stored.equals(record), "obeys " + record + " instead of " + stored);
    } catch (IOException e) {
      throw new Violation("run.json is broken: " + e);
    }
  }

  void resumed(int actor, @Nullable CheckpointEntry entry) {
    CheckpointEntry newest = asking.get(actor).newest;
    check(
        entry == null ? newest == null : entry.equals(newest),
        "resumes from " + entry + " instead of " + newest);
    ends.add(entry == null ? "began" : "resumed");
  }

  void acknowledged(int actor, CheckpointEntry entry) {
    check(
        everListed.contains(entry.folder()) && asking.get(actor).numbers.contains(entry.attempt()),
        "acknowledges what was never listed: " + entry);
    ends.add("committed");
  }

  void delivered(ModelWorld world, Delivery delivery) {
    check(delivery.equals(head(world).delivered()), "delivers what is not in the head");
    ends.add("delivered");
  }

  private static @Nullable CheckpointEntry newest(List<CheckpointEntry> entries) {
    return entries.stream().max(Comparator.comparingInt(CheckpointEntry::step)).orElse(null);
  }
}
