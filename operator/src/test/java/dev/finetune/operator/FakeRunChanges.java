package dev.finetune.operator;

import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.progress.RunChanges;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;

/** A storage that writes down what is asked of it, and answers what a test wants it to. */
public final class FakeRunChanges implements RunChanges {
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private final AtomicReference<Outcome> outcome = new AtomicReference<>(new Outcome.Done(1));

  /** Sets the outcome of every change from now on. */
  public void ends(Outcome next) {
    outcome.set(next);
  }

  /** Returns what was asked for, in its order. */
  public List<String> asked() {
    return List.copyOf(asked);
  }

  @Override
  public Outcome requestCheckpoint(FineTuneJob job, String id) {
    return change("request " + id);
  }

  @Override
  public Outcome deleteCheckpoints(FineTuneJob job) {
    return change("delete checkpoints");
  }

  @Override
  public Outcome deleteRun(FineTuneJob job) {
    return change("delete run");
  }

  private Outcome change(String what) {
    asked.add(what);
    return outcome.get();
  }
}
