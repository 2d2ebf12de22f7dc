package dev.finetune.trainer.recipe;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Progress;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.checkpoint.CheckpointFiles;
import dev.finetune.trainer.checkpoint.ModelCard;
import dev.finetune.trainer.checkpoint.TrainingState;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.progress.Metrics;
import dev.finetune.trainer.progress.ProgressReporter;
import dev.finetune.trainer.progress.Speed;
import dev.finetune.trainer.run.AttemptRecord;
import dev.finetune.trainer.run.Checkpoint;
import dev.finetune.trainer.run.Equality;
import dev.finetune.trainer.run.Run;
import dev.finetune.trainer.run.RunResult;
import dev.finetune.trainer.train.Evaluated;
import dev.finetune.trainer.train.StepResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The steps of an attempt, from the newest checkpoint to the delivery or a request to stop. What is
 * written to storage between steps is written beside them.
 */
final class TrainingLoop {
  private final FineTuneJobSpec spec;
  private final Run run;
  private final Session session;
  private final Outlets outlets;
  private final Path work;
  private final StopRequest stop;
  private final Speed speed;
  private final StorageQueue queue;
  private final MetricsLog metricsLog;
  private final CheckpointSaver saver;
  private TrainingState state = TrainingState.start(null, null);
  private Equality equality = Equality.ofBits();

  /** Where an attempt says how far it is; metrics is a file to append to, or null. */
  record Outlets(Console console, ProgressReporter reporter, @Nullable Path metrics) {}

  TrainingLoop(
      FineTuneJobSpec spec,
      Run run,
      Session session,
      Outlets outlets,
      Path work,
      StopRequest stop) {
    this.spec = spec;
    this.run = run;
    this.session = session;
    this.outlets = outlets;
    this.work = work;
    this.stop = stop;
    this.speed = new Speed(session.productRate());
    this.queue = new StorageQueue(run);
    this.metricsLog = new MetricsLog(run, queue, outlets.metrics());
    this.saver =
        new CheckpointSaver(
            run, session, spec.checkpoint(), outlets, work.resolve("checkpoint"), queue);
  }

  ExitCode run() {
    try (queue) {
      return toTheEnd(session.plan().totalSteps());
    }
  }

  private ExitCode toTheEnd(int total) {
    if (spec.training().evalEverySteps() != null && session.heldOut().isEmpty()) {
      throw new InvalidConfiguration(
          "spec.training.evalEverySteps: needs held-out rows, but the data set holds out none");
    }
    resume();
    stop.trainingBegins();
    if (interrupted() || !begin(total)) {
      return yielded();
    }
    try (RequestPoll _ =
        new RequestPoll(run.checkpointRequests(), RequestPoll.PERIOD, saver::asked, queue::fail)) {
      while (state.step() < total || state.unevaluated() != null) {
        queue.check();
        if (interrupted() || !advance(total)) {
          return yielded();
        }
        if (state.step() < total && saver.isDue(state.step())) {
          save();
        }
      }
      return deliver(total);
    }
  }

  private void resume() {
    Optional<Checkpoint> checkpoint = run.resume(work.resolve("resume"));
    checkpoint.ifPresent(
        found -> {
          state =
              CheckpointFiles.restore(
                  found.folder(), session.adapter(), session.trainer(), session.losses());
          outlets.console().say("Resumed from the checkpoint of step %d", state.step());
        });
    AttemptRecord record =
        run.describe(session.computation(), checkpoint.map(Checkpoint::entry).orElse(null));
    equality = record.equality();
    if (checkpoint.isPresent()) {
      outlets.console().say("The run so far is equal %s", equality.text());
    }
    saver.startsAt(state.step());
  }

  /** Measures what is to be measured before step 1; returns false if it was asked to stop. */
  private boolean begin(int total) {
    if (state.step() == 0 && !session.heldOut().isEmpty()) {
      outlets.reporter().evaluating();
      Optional<Evaluated> before = session.trainer().evaluate(session.heldOut(), this::interrupted);
      if (before.isEmpty()) {
        return false;
      }
      outlets.console().say("Held-out loss before training: %.4f", before.get().loss());
      state = TrainingState.start(before.get().loss(), session.trainer().plateau());
    }
    Double measured = state.evalLoss();
    outlets
        .reporter()
        .started(state.step(), total, measured == null ? state.evalLossBefore() : measured);
    return true;
  }

  /**
   * Returns whether a step need not be finished: asked to stop, or nothing can be saved any more.
   */
  private boolean interrupted() {
    return queue.hasFailed() || stop.requested();
  }

  /**
   * Does one step and what belongs to it, or, after an interruption, the evaluation that the last
   * step lacks; returns false if a request to stop came first.
   */
  private boolean advance(int total) {
    Metrics metrics = state.unevaluated();
    if (metrics == null) {
      metrics = step(state.step() + 1);
    }
    return metrics != null && settle(metrics, total);
  }

  /** Does one step; returns null if it was given up because of a request to stop. */
  private @Nullable Metrics step(int step) {
    long start = System.nanoTime();
    List<Integer> places = session.plan().examplesOf(step - 1);
    List<Example> examples = places.stream().map(session.examples()::get).toList();
    Optional<StepResult> result = session.trainer().step(step, examples, this::interrupted);
    if (result.isEmpty()) {
      return null;
    }
    session.losses().add(places, result.get());
    Metrics metrics = Metrics.of(result.get(), secondsSince(start));
    state = state.stepped(metrics);
    saver.completed(step);
    outlets.reporter().stepped(metrics.seconds());
    speed.add(metrics, session.stepFlops().of(examples).total());
    return metrics;
  }

  /** Evaluates if that is due, and reports the step; returns false if it was asked to stop. */
  private boolean settle(Metrics metrics, int total) {
    Metrics reported = metrics;
    if (evaluationIsDue(metrics.step())) {
      long start = System.nanoTime();
      outlets.reporter().evaluating(metrics);
      Optional<Evaluated> measured =
          session.trainer().evaluate(session.heldOut(), this::interrupted);
      if (measured.isEmpty()) {
        return false;
      }
      session.trainer().observe(measured.get().loss());
      reported = metrics.evaluated(measured.get().loss());
      outlets.reporter().evaluated(secondsSince(start));
    }
    state = state.settled(reported.evalLoss(), session.trainer().plateau());
    outlets.console().step(reported, total, speed);
    if (reported.evalLoss() != null) {
      outlets
          .console()
          .say("Held-out loss after step %d: %.4f", metrics.step(), reported.evalLoss());
    }
    outlets.reporter().step(reported, speed);
    metricsLog.add(reported);
    return true;
  }

  private boolean evaluationIsDue(int step) {
    Integer every = spec.training().evalEverySteps();
    return every != null && step % every == 0;
  }

  /** Begins to save the newest step, unless it is saved or being saved. */
  private void save() {
    if (saver.isNewer(state.step())) {
      metricsLog.flush();
      boolean measured = state.unevaluated() == null && evaluationIsDue(state.step());
      saver.save(state, measured ? state.evalLoss() : null);
    }
  }

  private ExitCode yielded() {
    queue.check();
    long start = System.nanoTime();
    save();
    queue.await();
    String word =
        String.format(
            Locale.ROOT,
            "asked to stop; step %d is saved in %.1f s",
            state.step(),
            secondsSince(start));
    outlets.console().say("%s", word);
    outlets.reporter().ended(Progress.State.YIELDED, null, word);
    run.release();
    return ExitCode.YIELDED;
  }

  private ExitCode deliver(int total) {
    metricsLog.flush();
    Double before = state.evalLossBefore();
    Double after = null;
    if (!session.heldOut().isEmpty()) {
      save();
      after = evaluationIsDue(total) ? state.evalLoss() : null;
      if (after == null) {
        outlets.reporter().evaluating();
        Optional<Evaluated> measured =
            session.trainer().evaluate(session.heldOut(), this::interrupted);
        if (measured.isEmpty()) {
          return yielded();
        }
        after = measured.get().loss();
      }
      if (before != null) {
        outlets.console().say("Held-out loss: %.4f before, %.4f after", before, after);
      }
    }
    RunResult result = new RunResult(total, state.loss(), before, after);
    Map<String, Path> files =
        AdapterDelivery.write(
            work.resolve("adapter"),
            session,
            spec.quantization(),
            ModelCard.text(spec, result, equality));
    queue.await();
    Delivery delivery = run.deliver(files, result);
    String location = run.location(delivery.folder());
    outlets.reporter().ended(Progress.State.DONE, after, "delivered " + location);
    outlets.console().say("Adapter: %s", location);
    return ExitCode.DONE;
  }

  private static double secondsSince(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
