package dev.finetune.trainer.recipe;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Progress;
import dev.finetune.api.spec.Delivered;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.checkpoint.CheckpointFiles;
import dev.finetune.trainer.checkpoint.TrainingState;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.evaluation.EvaluationPolicy;
import dev.finetune.trainer.evaluation.Standing;
import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.progress.Metrics;
import dev.finetune.trainer.progress.ProgressReporter;
import dev.finetune.trainer.progress.Speed;
import dev.finetune.trainer.run.AttemptRecord;
import dev.finetune.trainer.run.Checkpoint;
import dev.finetune.trainer.run.Equality;
import dev.finetune.trainer.run.Run;
import dev.finetune.trainer.run.RunResult;
import dev.finetune.trainer.train.StepResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
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
  private final Evaluator evaluator;
  private final EvaluationPolicy policy;
  private final BestAdapter best;
  private TrainingState state = TrainingState.start(null, null);
  private Equality equality = Equality.ofBits();

  /**
   * Where an attempt says how far it is.
   *
   * @param metrics a file to append to, or null
   * @param report what it says at the end
   */
  record Outlets(
      Console console, ProgressReporter reporter, @Nullable Path metrics, RunReport report) {}

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
    this.evaluator = new Evaluator(spec, session);
    this.policy = EvaluationPolicy.of(spec);
    this.best = new BestAdapter(work.resolve("best"));
  }

  ExitCode run() {
    try (queue) {
      return toTheEnd(session.plan().totalSteps());
    }
  }

  private ExitCode toTheEnd(int total) {
    resume();
    stop.trainingBegins();
    if (interrupted() || !begin(total)) {
      return yielded();
    }
    try (RequestPoll _ =
        new RequestPoll(run.checkpointRequests(), RequestPoll.PERIOD, saver::asked, queue::fail)) {
      while (!isOver(total) || state.unevaluated() != null) {
        queue.check();
        if (interrupted() || !advance(total)) {
          return yielded();
        }
        if (!isOver(total) && saver.isDue(state.step())) {
          save();
        }
      }
      return deliver(total);
    }
  }

  /** Returns whether there is no further step: the last one is done, or it is time to stop. */
  private boolean isOver(int total) {
    return state.step() >= total || policy.stop(state.standing()).isPresent();
  }

  private void resume() {
    Optional<Checkpoint> checkpoint = run.resume(work.resolve("resume"));
    checkpoint.ifPresent(
        found -> {
          state =
              CheckpointFiles.restore(
                  found.folder(), session.adapter(), session.trainer(), session.losses());
          if (keepsBest() && state.standing().best() != null) {
            best.keep(CheckpointFiles.best(found.folder(), state));
          }
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
    if (state.step() == 0 && evaluator.measures()) {
      outlets.reporter().evaluating();
      Optional<EvaluationPoint> before = evaluator.measure(0, null, this::interrupted);
      if (before.isEmpty()) {
        return false;
      }
      policy.require(before.get());
      outlets.console().say("%s", EvaluationText.before(before.get()));
      state = TrainingState.start(before.get(), session.trainer().plateau());
    }
    outlets.reporter().started(state.step(), total, newest());
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
    Optional<StepResult> result =
        session.trainer().step(step, examples, session.replayed(step - 1), this::interrupted);
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
    EvaluationPoint point = null;
    if (evaluator.isDue(metrics.step())) {
      outlets.reporter().evaluating(metrics);
      point = evaluate().orElse(null);
      if (point == null) {
        return false;
      }
    } else {
      state = state.settled();
    }
    Metrics reported = point == null ? metrics : metrics.evaluated(point);
    outlets.console().step(reported, total, speed);
    if (point != null) {
      outlets.console().say("%s", EvaluationText.after(point, state.evaluations()));
    }
    outlets.reporter().step(reported, speed);
    metricsLog.add(reported);
    return true;
  }

  /** Measures the adapter of the newest step and takes it in; returns empty if asked to stop. */
  private Optional<EvaluationPoint> evaluate() {
    long start = System.nanoTime();
    Optional<EvaluationPoint> measured =
        evaluator.measure(state.step(), state.meanLoss(), this::interrupted);
    measured.ifPresent(
        point -> {
          if (point.loss() != null) {
            session.trainer().observe(point.loss());
          }
          EvaluationPoint before = state.evaluations().before().orElse(null);
          Standing after = policy.after(state.standing(), point, before);
          state = state.evaluated(point, session.trainer().plateau(), after);
          if (keepsBest() && Objects.equals(after.bestStep(), point.step())) {
            best.keep(session.adapter());
          }
          if (policy.exceeds(point, before)) {
            outlets.console().say("%s", EvaluationText.exceeded(policy));
          }
          outlets.reporter().evaluated(secondsSince(start), Objects.requireNonNull(newest()));
        });
    return measured;
  }

  private boolean keepsBest() {
    return policy.deliver() == Delivered.BEST;
  }

  /** Returns the newest evaluation with what the evaluations so far show, or null. */
  private @Nullable EvaluationPoint newest() {
    return state
        .evaluations()
        .newest()
        .map(point -> point.withTrend(state.evaluations().trend().words()))
        .orElse(null);
  }

  /** Begins to save the newest step, unless it is saved or being saved. */
  private void save() {
    if (saver.isNewer(state.step())) {
      metricsLog.flush();
      EvaluationPoint measured = state.evaluations().at(state.step()).orElse(null);
      Integer bestStep = state.standing().bestStep();
      boolean another = keepsBest() && bestStep != null && bestStep != state.step();
      saver.save(
          state,
          measured == null ? null : measured.loss(),
          policy.checkpointScore(measured),
          another ? best.file() : null);
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
    int last = state.step();
    if (last < total) {
      policy
          .stop(state.standing())
          .ifPresent(
              why -> outlets.console().say("Stopped at step %d of %d: %s", last, total, why));
    }
    if (evaluator.measures()) {
      save();
      if (state.evaluations().at(last).isEmpty()) {
        outlets.reporter().evaluating();
        if (evaluate().isEmpty()) {
          return yielded();
        }
      }
    }
    RunResult result = result(last);
    if (result.adapterStep() != last) {
      AdapterFiles.restore(best.file(), session.adapter());
    }
    Optional<RunReport.Tables> tables = tables(result);
    if (tables.isEmpty()) {
      return yielded();
    }
    outlets.console().say("%s", EvaluationText.result(result));
    RunReport.Outcome outcome = outcome(result, tables.get());
    Map<String, Path> files =
        AdapterDelivery.write(
            work.resolve("adapter"),
            session,
            spec.quantization(),
            outlets.report().card(session, outcome).text(),
            outlets.report().html(session, outcome));
    queue.await();
    Delivery delivery = run.deliver(files, result);
    String location = run.location(delivery.folder());
    outlets.reporter().ended(Progress.State.DONE, result.evalLossAfter(), "delivered " + location);
    outlets.console().say("Adapter: %s", location);
    return ExitCode.DONE;
  }

  /** Returns how the run came out, with what was measured of the adapter that it delivers. */
  private RunResult result(int last) {
    int chosen = policy.delivered(state.standing(), last);
    EvaluationPoint after =
        chosen == last ? state.evaluations().at(last).orElse(null) : state.standing().best();
    return new RunResult(
        last, state.loss(), chosen, state.evaluations().before().orElse(null), after);
  }

  /**
   * Returns all that held-out rows tell of the delivered adapter, which is the session's by now;
   * empty if it was asked to stop. What was not measured by this attempt is measured again, to the
   * same bits.
   */
  private Optional<RunReport.Tables> tables(RunResult result) {
    if (session.heldOut().isEmpty()) {
      return Optional.of(new RunReport.Tables(null));
    }
    Measured known = evaluator.measured(result.adapterStep());
    if (known != null) {
      return Optional.of(new RunReport.Tables(known));
    }
    outlets.reporter().evaluating();
    return session
        .trainer()
        .evaluate(session.heldOut(), this::interrupted)
        .map(evaluated -> new RunReport.Tables(evaluated.measured()));
  }

  private RunReport.Outcome outcome(RunResult result, RunReport.Tables tables) {
    return new RunReport.Outcome(
        result,
        equality,
        metricsLog.ofRun(result.steps()),
        state.evaluations(),
        tables,
        session.peakBytes(),
        outlets.reporter().peakBytes());
  }

  private static double secondsSince(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
