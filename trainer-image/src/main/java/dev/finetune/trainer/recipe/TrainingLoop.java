package dev.finetune.trainer.recipe;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Progress;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.checkpoint.CheckpointFiles;
import dev.finetune.trainer.checkpoint.ModelCard;
import dev.finetune.trainer.checkpoint.TrainingState;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.progress.Metrics;
import dev.finetune.trainer.progress.ProgressReporter;
import dev.finetune.trainer.progress.Speed;
import dev.finetune.trainer.run.Checkpoint;
import dev.finetune.trainer.run.Run;
import dev.finetune.trainer.run.RunResult;
import dev.finetune.trainer.train.StepResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/** The steps of an attempt, from the newest checkpoint to the delivery or a request to stop. */
final class TrainingLoop {
  private static final String TOKENIZER = "tokenizer.json";

  /** Steps whose metrics go to storage together. */
  private static final int METRICS_PART = 50;

  private final FineTuneJobSpec spec;
  private final Run run;
  private final Session session;
  private final Outlets outlets;
  private final Path work;
  private final StopRequest stop;
  private final Speed speed;
  private final List<String> pendingMetrics = new ArrayList<>();
  private TrainingState state = TrainingState.start(null, null);
  private long lastCommit = System.nanoTime();
  private int committedStep;

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
  }

  ExitCode run() {
    int total = session.plan().totalSteps();
    if (spec.training().evalEverySteps() != null && session.heldOut().isEmpty()) {
      throw new InvalidConfiguration(
          "spec.training.evalEverySteps: needs held-out rows, but the data set holds out none");
    }
    resume();
    stop.trainingBegins();
    if (stop.requested()) {
      return yielded();
    }
    if (state.step() == 0 && !session.heldOut().isEmpty()) {
      outlets.reporter().evaluating();
      OptionalDouble before = session.trainer().evaluate(session.heldOut(), stop::requested);
      if (before.isEmpty()) {
        return yielded();
      }
      outlets.console().say("Held-out loss before training: %.4f", before.getAsDouble());
      state = TrainingState.start(before.getAsDouble(), session.trainer().plateau());
    }
    Double measured = state.evalLoss();
    outlets
        .reporter()
        .started(state.step(), total, measured == null ? state.evalLossBefore() : measured);
    lastCommit = System.nanoTime();
    while (state.step() < total || state.unevaluated() != null) {
      if (stop.requested() || !advance(total)) {
        return yielded();
      }
      run.heartbeat();
      if (checkpointIsDue(total)) {
        commit();
      }
    }
    flushMetrics();
    return deliver(total);
  }

  private void resume() {
    Optional<Checkpoint> checkpoint = run.resume(work.resolve("resume"));
    checkpoint.ifPresent(
        found -> {
          state = CheckpointFiles.restore(found.folder(), session.adapter(), session.trainer());
          committedStep = state.step();
          outlets.console().say("Resumed from the checkpoint of step %d", state.step());
        });
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
    List<Example> examples =
        session.plan().examplesOf(step - 1).stream().map(session.examples()::get).toList();
    Optional<StepResult> result = session.trainer().step(step, examples, stop::requested);
    if (result.isEmpty()) {
      return null;
    }
    Metrics metrics = Metrics.of(result.get(), (System.nanoTime() - start) / 1e9);
    state = state.stepped(metrics);
    speed.add(metrics, session.stepFlops().of(examples).total());
    return metrics;
  }

  /** Evaluates if that is due, and reports the step; returns false if it was asked to stop. */
  private boolean settle(Metrics metrics, int total) {
    Metrics reported = metrics;
    if (evaluationIsDue(metrics.step())) {
      outlets.reporter().evaluating(metrics);
      OptionalDouble loss = session.trainer().evaluate(session.heldOut(), stop::requested);
      if (loss.isEmpty()) {
        return false;
      }
      session.trainer().observe(loss.getAsDouble());
      reported = metrics.evaluated(loss.getAsDouble());
    }
    state = state.settled(reported.evalLoss(), session.trainer().plateau());
    outlets.console().step(reported, total, speed);
    if (reported.evalLoss() != null) {
      outlets
          .console()
          .say("Held-out loss after step %d: %.4f", metrics.step(), reported.evalLoss());
    }
    outlets.reporter().step(reported, speed);
    record(reported.toJson());
    return true;
  }

  private boolean evaluationIsDue(int step) {
    Integer every = spec.training().evalEverySteps();
    return every != null && step % every == 0;
  }

  private void record(String line) {
    pendingMetrics.add(line);
    if (pendingMetrics.size() >= METRICS_PART) {
      flushMetrics();
    }
    Path file = outlets.metrics();
    if (file != null) {
      try {
        Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      } catch (IOException e) {
        throw new StorageUnreachable(
            "--metrics " + file + ": could not be written: " + e.getMessage(), e);
      }
    }
  }

  private void flushMetrics() {
    if (!pendingMetrics.isEmpty()) {
      run.appendMetrics(List.copyOf(pendingMetrics), state.step());
      pendingMetrics.clear();
    }
  }

  private boolean checkpointIsDue(int total) {
    if (state.step() >= total || state.step() <= committedStep) {
      return false;
    }
    Integer everySteps = spec.checkpoint().everySteps();
    long minutes = Duration.ofNanos(System.nanoTime() - lastCommit).toMinutes();
    return (everySteps != null && state.step() % everySteps == 0)
        || minutes >= spec.checkpoint().everyMinutes();
  }

  private void commit() {
    flushMetrics();
    Path folder = work.resolve("checkpoint");
    Map<String, Path> files =
        CheckpointFiles.write(
            folder, session.adapter(), session.adapterConfig(), session.trainer(), state);
    run.commit(state.step(), files, null);
    committedStep = state.step();
    lastCommit = System.nanoTime();
  }

  private ExitCode yielded() {
    long start = System.nanoTime();
    if (state.step() > committedStep) {
      commit();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    String word =
        String.format(
            Locale.ROOT, "asked to stop; step %d is saved in %.1f s", state.step(), seconds);
    outlets.console().say("%s", word);
    outlets.reporter().ended(Progress.State.YIELDED, null, word);
    run.release();
    return ExitCode.YIELDED;
  }

  private ExitCode deliver(int total) {
    Double before = state.evalLossBefore();
    Double after = null;
    if (!session.heldOut().isEmpty()) {
      if (state.step() > committedStep) {
        commit();
      }
      after = evaluationIsDue(total) ? state.evalLoss() : null;
      if (after == null) {
        outlets.reporter().evaluating();
        OptionalDouble measured = session.trainer().evaluate(session.heldOut(), stop::requested);
        if (measured.isEmpty()) {
          return yielded();
        }
        after = measured.getAsDouble();
      }
      if (before != null) {
        outlets.console().say("Held-out loss: %.4f before, %.4f after", before, after);
      }
    }
    RunResult result = new RunResult(total, state.loss(), before, after);
    Delivery delivery = run.deliver(adapterFiles(result), result);
    String location = run.location(delivery.folder());
    outlets.reporter().ended(Progress.State.DONE, after, "delivered " + location);
    outlets.console().say("Adapter: %s", location);
    return ExitCode.DONE;
  }

  private Map<String, Path> adapterFiles(RunResult result) {
    Path folder = work.resolve("adapter");
    try {
      Files.createDirectories(folder);
      Map<String, Path> files = new LinkedHashMap<>();
      Path weights = folder.resolve(AdapterFiles.WEIGHTS);
      AdapterFiles.write(weights, session.adapter());
      files.put(AdapterFiles.WEIGHTS, weights);
      files.put(
          AdapterFiles.CONFIG,
          Files.writeString(folder.resolve(AdapterFiles.CONFIG), session.adapterConfig()));
      files.put(
          TOKENIZER, Files.writeString(folder.resolve(TOKENIZER), session.tokenizer().json()));
      files.put(
          ModelCard.FILE,
          Files.writeString(folder.resolve(ModelCard.FILE), ModelCard.text(spec, result)));
      return files;
    } catch (IOException e) {
      throw new StorageUnreachable(folder + ": could not be written: " + e.getMessage(), e);
    }
  }
}
