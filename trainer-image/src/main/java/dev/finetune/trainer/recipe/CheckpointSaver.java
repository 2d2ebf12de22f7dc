package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.CheckpointPolicy;
import dev.finetune.trainer.checkpoint.CheckpointFiles;
import dev.finetune.trainer.checkpoint.TrainingState;
import dev.finetune.trainer.run.Run;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Saves the state of a run beside its training. The training thread only copies the state to local
 * files, from the memory where it lies and without waiting for the disk; the {@link StorageQueue}
 * hashes and uploads the copy and lists it in the head. There is one copy at most: a checkpoint
 * that becomes due while one is being saved is made after a later step.
 */
final class CheckpointSaver {
  private final Run run;
  private final Session session;
  private final CheckpointPolicy policy;
  private final TrainingLoop.Outlets outlets;
  private final Path folder;
  private final StorageQueue queue;

  private long lastCopy = System.nanoTime();
  private boolean overdue;
  private int completed;
  private int copied;
  private int saved;
  private @Nullable String asked;
  private @Nullable String answering;

  /**
   * Makes one.
   *
   * @param folder local folder for the copy
   */
  CheckpointSaver(
      Run run,
      Session session,
      CheckpointPolicy policy,
      TrainingLoop.Outlets outlets,
      Path folder,
      StorageQueue queue) {
    this.run = run;
    this.session = session;
    this.policy = policy;
    this.outlets = outlets;
    this.folder = folder;
    this.queue = queue;
  }

  /** Says that training goes on from a checkpoint, or from step 0. */
  synchronized void startsAt(int step) {
    completed = step;
    copied = step;
    saved = step;
    lastCopy = System.nanoTime();
  }

  /** Says that an optimizer step is complete; its held-out loss may be missing yet. */
  synchronized void completed(int step) {
    completed = step;
  }

  /**
   * Takes a request for a checkpoint in, from any thread. It is answered once a checkpoint holds
   * the newest step that is complete now.
   *
   * @param id id of the request
   */
  void asked(String id) {
    if (id.equals(outlets.reporter().answered())) {
      return;
    }
    boolean answered;
    synchronized (this) {
      if (id.equals(asked) || id.equals(answering)) {
        return;
      }
      answered = saved > 0 && saved == completed;
      if (!answered && copied > 0 && copied == completed) {
        answering = id;
      } else if (!answered) {
        asked = id;
      }
    }
    if (answered) {
      outlets.reporter().answered(id);
    }
  }

  /** Returns whether a step is neither saved nor being saved. */
  synchronized boolean isNewer(int step) {
    return step > copied;
  }

  /** Returns whether a checkpoint of this step is to be made and none is being saved. */
  synchronized boolean isDue(int step) {
    Integer everySteps = policy.everySteps();
    long minutes = Duration.ofNanos(System.nanoTime() - lastCopy).toMinutes();
    overdue |= everySteps != null && step % everySteps == 0;
    overdue |= minutes >= policy.everyMinutes();
    return (overdue || asked != null) && isNewer(step) && !isSaving();
  }

  private synchronized boolean isSaving() {
    return copied != saved;
  }

  /**
   * Copies the state, which is newer than the last copy, and begins to save it.
   *
   * @param evalLoss held-out loss at this very step, if measured
   * @param score by what its checkpoint is compared, where that is not the loss
   * @param best matrices of the best adapter so far if that is another one, or null
   */
  void save(
      TrainingState state, @Nullable Double evalLoss, @Nullable Double score, @Nullable Path best) {
    long start = System.nanoTime();
    if (isSaving()) {
      queue.await();
    }
    long copy = System.nanoTime();
    Map<String, Path> files =
        CheckpointFiles.write(
            folder,
            session.adapter(),
            session.adapterConfig(),
            session.trainer(),
            session.losses(),
            state,
            best);
    double work = outlets.reporter().work();
    double waited = secondsSince(start);
    took(state.step());
    queue.add(
        () -> {
          run.commit(state.step(), files, evalLoss, score);
          committed(new Save(state.step(), secondsSince(copy), waited, work));
        });
  }

  private synchronized void took(int step) {
    copied = step;
    lastCopy = System.nanoTime();
    overdue = false;
    answering = asked;
    asked = null;
  }

  /** A checkpoint that is listed: what it cost, and the training that its state has seen. */
  private record Save(int step, double seconds, double waited, double work) {}

  private void committed(Save save) {
    String answered;
    synchronized (this) {
      saved = save.step();
      answered = answering;
      answering = null;
    }
    outlets
        .console()
        .say(
            "Saved step %d in %.2f s (training waited %.3f s)",
            save.step(), save.seconds(), save.waited());
    outlets.reporter().saved(save.seconds(), save.work(), answered);
  }

  private static double secondsSince(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
