package dev.finetune.trainer.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.storage.Check.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/**
 * Tries everything that a run needs of a store, on objects of its own in a folder of its own that
 * it clears. Where the store cannot be reached or written to, the rest is skipped.
 */
public final class StoreExamination {
  private static final int TRIES = 5;
  private static final Duration MUCH_DIFFERENCE = Duration.ofMinutes(1);

  private final ObjectStore once;
  private final ObjectStore store;
  private final String folder = "doctor-" + UUID.randomUUID() + "/";
  private final List<Check> checks = new ArrayList<>();
  private boolean hopeless;

  /**
   * Makes one.
   *
   * @param store the store as opened; stays the caller's
   * @param retry for requests that may be made again
   */
  public StoreExamination(ObjectStore store, Retry retry) {
    this.once = store;
    this.store = store.retrying(retry);
  }

  private interface Probe {
    /** Returns what was found. */
    String look();
  }

  /** Looks at everything and returns what was found, in order. */
  public List<Check> run() {
    needed("reach and credentials", this::reach);
    needed("write", () -> "ETag " + store.put(key("plain"), bytes("one")));
    check("read after write", this::readsWhatWasWritten);
    check("If-None-Match", this::createsOnce);
    check("If-Match", this::replacesWhatItNames);
    check("list", this::lists);
    check("upload in parts", this::takesParts);
    check("delete", this::deletes);
    clock();
    check("latency", this::latency);
    return List.copyOf(checks);
  }

  private String reach() {
    store.get(key("nothing"), 1);
    return store.location("");
  }

  private String readsWhatWasWritten() {
    for (int i = 0; i < TRIES; i++) {
      String content = "version " + i;
      String etag = store.put(key("plain"), bytes(content));
      Document read = store.get(key("plain"), 100).orElseThrow(() -> unfit("it is not there"));
      if (!Arrays.equals(read.content(), bytes(content)) || !read.etag().equals(etag)) {
        throw unfit("an older version was read after a newer one was written");
      }
    }
    return TRIES + " versions, each read at once";
  }

  private String createsOnce() {
    written(once.putIfAbsent(key("new"), bytes("first")), "a new object");
    refused(once.putIfAbsent(key("new"), bytes("second")), "an object that exists");
    return "an object that exists is not overwritten";
  }

  private String replacesWhatItNames() {
    String first = store.put(key("replaced"), bytes("first"));
    String next = written(once.putIfMatch(key("replaced"), bytes("2"), first), "its ETag");
    if (next.equals(first)) {
      throw unfit("the ETag did not change with the content");
    }
    refused(once.putIfMatch(key("replaced"), bytes("3"), first), "a former ETag");
    refused(once.putIfMatch(key("absent"), bytes("4"), next), "no object");
    return "only the version that the ETag names is replaced";
  }

  private String lists() {
    List<String> keys = store.list(folder).stream().map(StoredObject::key).toList();
    if (!keys.contains(key("plain"))) {
      throw unfit("the listing lacks an object that was just written");
    }
    return keys.size() + " objects";
  }

  private String takesParts() {
    return store.rehearseParts(key("parts")) ? "one part sent and given up" : "not needed here";
  }

  private String deletes() {
    store.delete(key("plain"));
    if (store.get(key("plain"), 100).isPresent()) {
      throw unfit("an object is there after it was deleted");
    }
    for (StoredObject object : store.list(folder)) {
      store.delete(object.key());
    }
    return "nothing is left of these checks";
  }

  private String latency() {
    double[] millis = new double[TRIES];
    for (int i = 0; i < TRIES; i++) {
      long start = System.nanoTime();
      store.get(key("nothing"), 1);
      millis[i] = (System.nanoTime() - start) / 1e6;
    }
    Arrays.sort(millis);
    return String.format(
        Locale.ROOT,
        "%.1f ms the middle of %d reads, %.1f ms the slowest",
        millis[TRIES / 2],
        TRIES,
        millis[TRIES - 1]);
  }

  /** Heartbeats of two owners are compared by their clocks, so a difference is worth a word. */
  private void clock() {
    check(
        "clock",
        () -> {
          Optional<Duration> difference = store.clockDifference();
          return difference.isEmpty()
              ? "the store has none of its own"
              : difference.get().toSeconds() + " s ahead of the store's";
        });
    Check seen = checks.getLast();
    if (seen.outcome() != Outcome.OK) {
      return;
    }
    Duration difference = store.clockDifference().orElse(Duration.ZERO);
    if (difference.abs().compareTo(MUCH_DIFFERENCE) > 0) {
      checks.set(
          checks.size() - 1,
          new Check(
              seen.name(),
              Outcome.WARNING,
              seen.detail() + "; set one of them right, heartbeats are compared by them",
              seen.millis(),
              null));
    }
  }

  private void needed(String name, Probe probe) {
    check(name, probe);
    hopeless = hopeless || checks.getLast().outcome() == Outcome.FAILED;
  }

  private void check(String name, Probe probe) {
    if (hopeless) {
      checks.add(Check.found(name, Outcome.SKIPPED, "see above"));
      return;
    }
    long start = System.nanoTime();
    Outcome outcome = Outcome.OK;
    String detail;
    ExitCode code = null;
    try {
      detail = probe.look();
    } catch (TrainingFailure e) {
      outcome = Outcome.FAILED;
      detail = String.valueOf(e.getMessage());
      code = e.exitCode();
    }
    checks.add(new Check(name, outcome, detail, (System.nanoTime() - start) / 1e6, code));
  }

  private String written(ConditionalWrite outcome, String on) {
    return switch (outcome) {
      case ConditionalWrite.Written(String etag) -> etag;
      case ConditionalWrite.PreconditionFailed() ->
          throw unfit("a write on " + on + " was refused");
      case ConditionalWrite.Unanswered(StorageUnreachable cause) -> throw cause;
    };
  }

  private void refused(ConditionalWrite outcome, String on) {
    switch (outcome) {
      case ConditionalWrite.Written(String etag) ->
          throw unfit(
              "a write on "
                  + on
                  + " was done and should have been refused: two attempts could overwrite each"
                  + " other's checkpoints");
      case ConditionalWrite.PreconditionFailed() -> {}
      case ConditionalWrite.Unanswered(StorageUnreachable cause) -> throw cause;
    }
  }

  private InvalidConfiguration unfit(String found) {
    return new InvalidConfiguration("spec.storage.uri: " + store.location("") + ": " + found);
  }

  private String key(String name) {
    return folder + name;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }
}
