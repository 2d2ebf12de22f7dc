package dev.finetune.local;

import io.javaoperatorsdk.operator.Operator;
import io.quarkus.runtime.QuarkusApplication;
import jakarta.inject.Inject;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The operator, and in its main thread whatever is to be done while it runs. Quarkus makes the
 * instance, so the work is handed over through the class.
 */
public final class LocalApplication implements QuarkusApplication {
  private static final AtomicReference<Callable<Integer>> WORK = new AtomicReference<>(() -> 0);
  private static final AtomicInteger EXIT = new AtomicInteger(1);

  private final Operator operator;

  /** Made by Quarkus, with the operator that it has configured. */
  @Inject
  LocalApplication(Operator operator) {
    this.operator = operator;
  }

  /** Says what is to be done once the operator runs. */
  static void work(Callable<Integer> work) {
    WORK.set(work);
  }

  /** Called when the operator has stopped. */
  static void ended(Integer code, @Nullable Throwable failure) {
    if (failure != null) {
      System.err.println("local: " + failure);
    }
    EXIT.set(failure == null ? code : 1);
  }

  /** Returns how the work ended. */
  static int exitCode() {
    return EXIT.get();
  }

  @Override
  public int run(String... arguments) throws Exception {
    // With an application of its own, Quarkus leaves start and stop of the operator to it.
    operator.start();
    try {
      return WORK.get().call();
    } finally {
      operator.stop();
    }
  }
}
