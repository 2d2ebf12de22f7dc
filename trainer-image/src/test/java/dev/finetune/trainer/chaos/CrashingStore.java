package dev.finetune.trainer.chaos;

import dev.finetune.trainer.storage.InterceptingStore;
import dev.finetune.trainer.storage.ObjectStore;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * The storage as a process sees it that dies at one of its operations. Operations of several
 * threads are done one at a time, so that each is done before the death or never.
 */
final class CrashingStore extends InterceptingStore {
  /** Where an operation meets the end of its process. */
  enum Place {
    BEFORE,
    AFTER
  }

  /**
   * One operation of a run. Threads make the order differ from run to run, so it is known by its
   * name and by how many of that name came before it.
   *
   * @param name verb, a space and the key, without what is random in it
   * @param count 1 for the first of this name
   */
  record Operation(String name, int count) {
    /** What no process does. */
    static final Operation NONE = new Operation("none", 1);
  }

  private final ProcessLife life;
  private final Operation fatal;
  private final Place place;
  private final List<Operation> operations = new ArrayList<>();

  /**
   * Makes one.
   *
   * @param life of the process; also ends with it
   * @param fatal the operation at which it dies
   */
  CrashingStore(ObjectStore store, ProcessLife life, Operation fatal, Place place) {
    super(store);
    this.life = life;
    this.fatal = fatal;
    this.place = place;
  }

  /** Returns the operations so far. */
  synchronized List<Operation> operations() {
    return List.copyOf(operations);
  }

  @Override
  protected synchronized <T> T request(String request, Supplier<T> todo) {
    life.check();
    String name = request.replaceAll("probe-[0-9a-f-]{36}", "probe");
    long former = operations.stream().filter(operation -> operation.name().equals(name)).count();
    Operation operation = new Operation(name, Math.toIntExact(former) + 1);
    operations.add(operation);
    if (!operation.equals(fatal)) {
      return todo.get();
    }
    if (place == Place.AFTER) {
      T unheard = todo.get();
      throw life.die("after " + operation + ", answer " + unheard);
    }
    throw life.die("before " + operation);
  }
}
