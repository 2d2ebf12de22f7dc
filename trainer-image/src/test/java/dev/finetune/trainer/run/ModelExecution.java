package dev.finetune.trainer.run;

import dev.finetune.trainer.run.ModelRequest.Event;
import dev.finetune.trainer.run.ModelScenario.Budget;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * One course of events. Each actor is a thread that runs the code of the product; one thread at a
 * time holds the baton, and at every request the course says who goes on. Whoever holds the baton
 * asks, so that an actor that goes on itself needs no change of threads.
 */
final class ModelExecution {
  /** Says who goes on and how; a number of an actor, or of a write on its way. */
  record Choice(Event event, int number) {
    @Override
    public String toString() {
      return event + " " + number;
    }
  }

  /** Decides the course. */
  interface Course {
    /** Returns the next choice, or null to break the course off. */
    @Nullable Choice next(ModelExecution execution, List<Choice> possible);
  }

  private static final class Lane {
    private final int number;
    private @Nullable Thread thread;
    private @Nullable ModelRequest request;
    private volatile @Nullable Choice grant;
    private boolean ended;
    private @Nullable String failedBefore;
    private long history;

    Lane(int number) {
      this.number = number;
      this.history = number;
    }
  }

  /** Stands for every ETag, and for none. */
  static final String ANY = "*";

  private static final Choice ABORT = new Choice(Event.CRASH, -1);

  private final ModelScenario scenario;
  private final ModelWorld world;
  private final ProtocolRules rules;
  private final Course course;
  private final List<Lane> lanes = new ArrayList<>();
  private final List<String> trace = new ArrayList<>();
  private final Thread main = Thread.currentThread();
  private Budget left;
  private int lastActor;
  private int alone;
  private boolean starting = true;
  private volatile boolean arrived;
  private volatile boolean over;
  private @Nullable Throwable violation;

  ModelExecution(ModelScenario scenario, ModelWorld world, ProtocolRules rules, Course course) {
    this.scenario = scenario;
    this.world = world;
    this.rules = rules;
    this.course = course;
    this.left = scenario.budget();
    this.alone = scenario.options().firstBegins() ? 0 : -1;
  }

  ModelScenario scenario() {
    return scenario;
  }

  ModelWorld world() {
    return world;
  }

  ProtocolRules rules() {
    return rules;
  }

  List<String> trace() {
    return trace;
  }

  boolean isOver() {
    return over;
  }

  /** Ends the time in which an actor is alone. */
  void begun(int actor) {
    alone = alone == actor ? -1 : alone;
  }

  @Nullable Throwable violation() {
    return violation;
  }

  /** Runs programs until all have ended, or the course is broken off. */
  void run(List<ModelScenario.Program> programs, Path local) {
    for (int i = 0; i < programs.size(); i++) {
      lanes.add(new Lane(i));
    }
    for (int i = 0; i < programs.size(); i++) {
      start(lanes.get(i), programs.get(i), local);
    }
    starting = false;
    pass(null);
    waitUntilOver();
    for (Lane lane : lanes) {
      if (!lane.ended) {
        grant(lane, ABORT);
      }
      join(lane.thread);
    }
  }

  private void start(Lane lane, ModelScenario.Program program, Path local) {
    arrived = false;
    ModelActor actor = new ModelActor(this, lane.number, local);
    lane.thread =
        Thread.ofVirtual()
            .unstarted(
                () -> {
                  try {
                    actor.run(program);
                  } catch (Throwable e) {
                    fail(e);
                  } finally {
                    lane.ended = true;
                    end();
                  }
                });
    lane.thread.start();
    while (!arrived) {
      LockSupport.park(this);
    }
  }

  private void end() {
    if (starting) {
      arrived = true;
      LockSupport.unpark(main);
    } else if (!over) {
      pass(null);
    }
  }

  private void fail(Throwable e) {
    if (violation == null) {
      violation = e;
    }
    over = true;
    LockSupport.unpark(main);
  }

  /** Waits until a request may happen, and says how it goes. */
  Event await(ModelRequest request) {
    Lane lane = lanes.get(request.actor());
    if (over) {
      throw new ModelStore.Crash();
    }
    lane.request = request;
    if (starting) {
      arrived = true;
      LockSupport.unpark(main);
    } else {
      Choice own = pass(lane);
      if (own != null) {
        return happens(lane, own);
      }
    }
    Choice granted = lane.grant;
    while (granted == null) {
      LockSupport.park(this);
      granted = lane.grant;
    }
    lane.grant = null;
    return happens(lane, granted);
  }

  private Event happens(Lane lane, Choice choice) {
    if (choice.equals(ABORT)) {
      throw new ModelStore.Crash();
    }
    ModelRequest request = lane.request;
    lane.request = null;
    lane.failedBefore = choice.event() == Event.ANSWER ? null : request.text();
    lane.history = ModelWorld.mix(lane.history + ModelWorld.hash(choice.event() + request.text()));
    lane.history = ModelWorld.mix(lane.history + world.ticks());
    switch (choice.event()) {
      case FAIL, GIVE_UP -> left = new Budget(left.faults() - 1, left.crashes(), left.ticks());
      case CRASH -> left = new Budget(left.faults(), left.crashes() - 1, left.ticks());
      case ANSWER, LAND, TICK -> {}
    }
    boolean mayLand = choice.event() == Event.GIVE_UP || choice.event() == Event.CRASH;
    if (mayLand && !request.kind().isRead()) {
      world.onTheirWay.add(request);
    }
    return choice.event();
  }

  /** Remembers what an actor saw, by which its further course is known. */
  void saw(ModelRequest request, String what) {
    Lane lane = lanes.get(request.actor());
    lane.history = ModelWorld.mix(lane.history + ModelWorld.hash(what));
  }

  /** Does a write and returns whether its condition held. */
  boolean write(ModelRequest request) {
    boolean done = apply(request);
    if (request.kind().isConditional()) {
      saw(request, String.valueOf(done));
    }
    return done;
  }

  boolean apply(ModelRequest request) {
    ModelWorld.Version former = world.get(request.key());
    boolean holds =
        switch (request.kind()) {
          case PUT_IF_ABSENT -> former == null || ANY.equals(request.etag());
          case PUT_IF_MATCH ->
              former != null
                  && (former.etag().equals(request.etag()) || ANY.equals(request.etag()));
          case PUT, DELETE -> true;
          case GET, DOWNLOAD, LIST -> throw new IllegalArgumentException(request.text());
        };
    if (holds && !ModelStore.isProbe(request.key())) {
      rules.beforeWrite(world, request);
    }
    if (holds && request.content() != null) {
      world.put(request.key(), request.content());
    } else if (holds) {
      world.delete(request.key());
    }
    return holds;
  }

  /** Hands the baton on; returns the choice if it stays with the lane. */
  private @Nullable Choice pass(@Nullable Lane holder) {
    try {
      while (true) {
        List<Choice> possible = possible(holder);
        Choice choice = possible.isEmpty() || over ? null : course.next(this, possible);
        if (choice == null) {
          over = true;
          LockSupport.unpark(main);
          return null;
        }
        trace.add(choice + " " + what(choice));
        switch (choice.event()) {
          case TICK -> {
            left = new Budget(left.faults(), left.crashes(), left.ticks() - 1);
            world.tick();
          }
          case LAND -> apply(world.onTheirWay.remove(choice.number()));
          case ANSWER, FAIL, GIVE_UP, CRASH -> {
            Lane lane = lanes.get(choice.number());
            lastActor = choice.number();
            if (lane == holder) {
              return choice;
            }
            grant(lane, choice);
            return null;
          }
        }
      }
    } catch (RuntimeException | Error e) {
      fail(e);
      return null;
    }
  }

  private String what(Choice choice) {
    return switch (choice.event()) {
      case TICK -> "";
      case LAND -> world.onTheirWay.get(choice.number()).text();
      case ANSWER, FAIL, GIVE_UP, CRASH -> lanes.get(choice.number()).request.text();
    };
  }

  /** Lists the choices: first the one without a change of actors and without a fault. */
  private List<Choice> possible(@Nullable Lane holder) {
    if (alone >= 0) {
      return List.of(new Choice(Event.ANSWER, alone));
    }
    List<Choice> possible = new ArrayList<>();
    int first = holder == null ? lastActor : holder.number;
    for (int i = 0; i < lanes.size(); i++) {
      Lane lane = lanes.get((first + i) % lanes.size());
      if (!lane.ended) {
        for (Event event : ModelScenario.events(lane.request, left, lane.failedBefore)) {
          possible.add(new Choice(event, lane.number));
        }
      }
    }
    if (possible.isEmpty()) {
      // What lands after the last process has ended is tried by the check of the end.
      return possible;
    }
    for (int i = 0; i < world.onTheirWay.size(); i++) {
      possible.add(new Choice(Event.LAND, i));
    }
    if (left.ticks() > 0) {
      possible.add(new Choice(Event.TICK, 0));
    }
    return possible;
  }

  /** Returns a hash of the state, on which alone depends what can happen further on. */
  long stateHash() {
    long sum = world.stateHash() + rules.stateHash() + ModelWorld.mix(left.hashCode() + 17L);
    for (Lane lane : lanes) {
      sum += ModelWorld.mix(lane.history * 31 + (lane.ended ? 1 : 0));
    }
    return sum;
  }

  private static void grant(Lane lane, Choice choice) {
    lane.grant = choice;
    LockSupport.unpark(lane.thread);
  }

  private void waitUntilOver() {
    while (!over) {
      LockSupport.park(this);
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
