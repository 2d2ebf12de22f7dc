package dev.finetune.trainer.run;

import dev.finetune.trainer.run.ModelRequest.Event;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a model checker explores.
 *
 * @param name says what it is about
 * @param setup makes the objects that are there at first, or null
 * @param actors what each actor does
 * @param budget what may go wrong in one course of events
 * @param options how the actors work
 * @param variant the store that an actor sees, for protocols and stores with a mistake
 */
record ModelScenario(
    String name,
    @Nullable Program setup,
    List<Program> actors,
    Budget budget,
    Options options,
    Variant variant) {

  /** What an actor does. */
  interface Program {
    void run(ModelActor actor);
  }

  /** Makes the store that an actor sees. */
  interface Variant {
    ModelStore store(ModelExecution execution, int actor);
  }

  /**
   * What may still happen in a course of events.
   *
   * @param faults answers that are lost
   * @param crashes processes that end at a request
   * @param ticks times that the clock goes on, by three minutes each
   */
  record Budget(int faults, int crashes, int ticks) {}

  /**
   * How the actors work.
   *
   * @param withProbe whether the requests of the probe are interleaved too
   * @param firstBegins whether the first actor is alone until it says so
   * @param deadline how long a request is repeated: an hour, or not at all
   * @param keepLast newest checkpoints to keep
   * @param keepBest best checkpoints to keep
   */
  record Options(
      boolean withProbe, boolean firstBegins, Duration deadline, int keepLast, int keepBest) {}

  /** Makes one without disturbances that keeps the newest checkpoint only. */
  static ModelScenario of(String name, Program... actors) {
    return new ModelScenario(
        name,
        null,
        List.of(actors),
        new Budget(0, 0, 0),
        new Options(false, false, Duration.ofHours(1), 1, 0),
        ModelStore::new);
  }

  ModelScenario after(Program first) {
    return new ModelScenario(name, first, actors, budget, options, variant);
  }

  ModelScenario with(int faults, int crashes) {
    return with(new Budget(faults, crashes, budget.ticks()), options, variant);
  }

  ModelScenario ticking(int times) {
    return with(new Budget(budget.faults(), budget.crashes(), times), options, variant);
  }

  ModelScenario probing() {
    return with(
        new Options(
            true,
            options.firstBegins(),
            options.deadline(),
            options.keepLast(),
            options.keepBest()));
  }

  /** Leaves the first actor alone until it says that it has begun. */
  ModelScenario begun() {
    return with(
        new Options(
            options.withProbe(), true, options.deadline(), options.keepLast(), options.keepBest()));
  }

  ModelScenario impatient() {
    return with(
        new Options(
            options.withProbe(),
            options.firstBegins(),
            Duration.ZERO,
            options.keepLast(),
            options.keepBest()));
  }

  ModelScenario keeping(int last, int best) {
    return with(
        new Options(options.withProbe(), options.firstBegins(), options.deadline(), last, best));
  }

  ModelScenario on(Variant other) {
    return with(budget, options, other);
  }

  private ModelScenario with(Options others) {
    return with(budget, others, variant);
  }

  private ModelScenario with(Budget some, Options others, Variant other) {
    return new ModelScenario(name, setup, actors, some, others, other);
  }

  /** Returns this one with nothing that disturbs it, and the store as it should be. */
  ModelScenario calm() {
    Options calm =
        new Options(false, false, options.deadline(), options.keepLast(), options.keepBest());
    return with(new Budget(0, 0, 0), calm, ModelStore::new);
  }

  /** Returns the events that may happen to a request. */
  static List<Event> events(ModelRequest request, Budget left, @Nullable String failedBefore) {
    List<Event> events = new ArrayList<>();
    events.add(Event.ANSWER);
    // Two failures of one request in a row are judged by the time between them, which no model has.
    if (left.faults() > 0 && !request.text().equals(failedBefore)) {
      events.add(request.kind().isRead() ? Event.FAIL : Event.GIVE_UP);
    }
    if (left.crashes() > 0) {
      events.add(Event.CRASH);
    }
    return events;
  }
}
