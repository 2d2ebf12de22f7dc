package dev.finetune.trainer.chaos;

import dev.finetune.trainer.storage.ObjectStore;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;

/** Storage of trainers that are killed. */
interface KillStorage {
  /** What a process needs to be kept at a moment: its main class and variables. */
  record Access(String uri, Class<?> main, Map<String, String> variables) {}

  /** A request that is kept until it is released. */
  interface Held {
    /** Returns how a process reaches the storage so that its request is kept. */
    Access access();

    /** Returns whether the request is kept now. */
    boolean caught();

    /** Lets the request go on, whether or not the process that made it lives. */
    void release() throws IOException;

    /** Waits until the request is kept, or the process has ended. */
    default void await(TrainerProcess process)
        throws InterruptedException, TimeoutException, IOException {
      long end = System.nanoTime() + TrainerProcess.PATIENCE.toNanos();
      while (!caught() && process.isAlive()) {
        if (System.nanoTime() > end) {
          throw new TimeoutException("no such request; the trainer said:\n" + process.output());
        }
        Thread.sleep(Duration.ofMillis(1));
      }
    }
  }

  /** Returns its name, for reports. */
  String name();

  /** Returns how a process reaches it undisturbed, for a run of its own. */
  Access access(String run);

  /** Keeps the last of some requests, see {@link RequestSequence}. */
  Held hold(String run, List<String> requests) throws IOException;

  /** Opens it for a test. The caller closes it. */
  ObjectStore open(String run);
}
