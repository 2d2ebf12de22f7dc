package dev.finetune.trainer.progress;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.run.Progress;
import dev.finetune.trainer.run.Run;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Tells storage how far the run is: at every change of state, and between steps at most once in two
 * seconds, more seldom while storage cannot be reached. It may be used by several threads.
 */
public final class ProgressReporter {
  private static final Duration PAUSE = Duration.ofSeconds(2);
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(2);
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Pattern PEAK = Pattern.compile("VmHWM:\\s+(\\d+) kB");
  private static final Pattern RESIDENT = Pattern.compile("VmRSS:\\s+(\\d+) kB");

  private final Run run;
  private final Clock clock;
  private final Instant processStart;
  private Progress latest;
  private Instant written = Instant.MIN;
  private Duration pause = PAUSE;
  private @Nullable Long predictedPeak;
  private double work;
  private double savedWork;
  private @Nullable Double timeToSave;
  private @Nullable Double timeToResume;
  private @Nullable EvaluationPoint evaluation;
  private @Nullable String answered;

  /**
   * Makes one that has reported nothing.
   *
   * @param processStart when the process began, from which the time to resume counts
   * @param answered id of the newest request for a checkpoint that former attempts answered, or
   *     null
   */
  public ProgressReporter(Run run, Clock clock, Instant processStart, @Nullable String answered) {
    this.run = run;
    this.clock = clock;
    this.processStart = processStart;
    this.answered = answered;
    this.latest =
        new Progress(
            run.attempt(),
            Progress.State.STARTING,
            0,
            0,
            null,
            null,
            null,
            null,
            null,
            null,
            run.head().latest(),
            0,
            null,
            clock.instant());
  }

  /** Reports that the run reads model and data. */
  public synchronized void starting() {
    write(unchanged());
  }

  /**
   * Reports where the run begins or goes on.
   *
   * @param newest the newest evaluation of the run, or null
   */
  public synchronized void started(int step, int totalSteps, @Nullable EvaluationPoint newest) {
    evaluation = newest;
    Double evalLoss = newest == null ? null : newest.loss();
    write(with(Progress.State.TRAINING, step, totalSteps, latest.loss(), evalLoss, step, null));
  }

  /** Reports that the held-out loss is being measured. */
  public synchronized void evaluating() {
    write(evaluating(latest.step(), latest.loss()));
  }

  /** Reports that it is being measured after a step, if the last report is older than the pause. */
  public synchronized void evaluating(Metrics metrics) {
    writeInTime(evaluating(metrics.step(), metrics.loss()));
  }

  private Progress evaluating(int step, @Nullable Double loss) {
    return with(
        Progress.State.EVALUATING,
        step,
        latest.totalSteps(),
        loss,
        latest.evalLoss(),
        latest.resumedFromStep(),
        null);
  }

  /**
   * Takes in that an optimizer step is done; it is reported when its evaluation is.
   *
   * @param seconds time that it took
   */
  public synchronized void stepped(double seconds) {
    work += seconds;
    if (timeToResume == null) {
      timeToResume = Duration.between(processStart, clock.instant()).toMillis() / 1e3;
    }
  }

  /**
   * Takes in what was measured after a step.
   *
   * @param seconds time that it took
   */
  public synchronized void evaluated(double seconds, EvaluationPoint point) {
    work += seconds;
    evaluation = point;
  }

  /** Returns the seconds of training and evaluation in this attempt so far. */
  public synchronized double work() {
    return work;
  }

  /**
   * Reports that a checkpoint is listed.
   *
   * @param seconds from the copy of the state to the head that lists it
   * @param workOfState {@link #work} when the state was copied
   * @param request id of the request for a checkpoint that it answers, or null
   */
  public synchronized void saved(double seconds, double workOfState, @Nullable String request) {
    timeToSave = seconds;
    savedWork = workOfState;
    answered = request == null ? answered : request;
    write(unchanged());
  }

  /** Returns the id of the newest request for a checkpoint that is answered, or null. */
  public synchronized @Nullable String answered() {
    return answered;
  }

  /** Reports that a request for a checkpoint is answered by the newest one. */
  public synchronized void answered(String request) {
    answered = request;
    write(unchanged());
  }

  private Progress unchanged() {
    return with(
        latest.state(),
        latest.step(),
        latest.totalSteps(),
        latest.loss(),
        latest.evalLoss(),
        latest.resumedFromStep(),
        latest.lastWord());
  }

  /** What a crash would lose; nothing is known of it before training, nor lost once delivered. */
  private @Nullable Double workAtRisk(Progress.State state) {
    return switch (state) {
      case STARTING -> null;
      case TRAINING, EVALUATING, YIELDED, FAILED -> work - savedWork;
      case DONE -> 0.0;
    };
  }

  /** Reports a step, if the last report is older than the pause. */
  public synchronized void step(Metrics metrics, Speed speed) {
    Instant now = clock.instant();
    Progress progress =
        new Progress(
            run.attempt(),
            Progress.State.TRAINING,
            metrics.step(),
            latest.totalSteps(),
            metrics.loss(),
            metrics.evalLoss() == null ? latest.evalLoss() : metrics.evalLoss(),
            speed.tokensPerSecond(),
            speed.utilization(),
            now.plus(speed.timeFor(latest.totalSteps() - metrics.step())),
            memory(RESIDENT),
            peakBytes(),
            predictedPeak,
            run.head().latest(),
            latest.resumedFromStep(),
            timeToSave,
            timeToResume,
            workAtRisk(Progress.State.TRAINING),
            evaluation,
            answered,
            null,
            now);
    writeInTime(progress);
  }

  /** Reports the end of the attempt. */
  public synchronized void ended(Progress.State state, @Nullable Double evalLoss, String lastWord) {
    write(
        with(
            state,
            latest.step(),
            latest.totalSteps(),
            latest.loss(),
            evalLoss == null ? latest.evalLoss() : evalLoss,
            latest.resumedFromStep(),
            lastWord));
  }

  private Progress with(
      Progress.State state,
      int step,
      int totalSteps,
      @Nullable Double loss,
      @Nullable Double evalLoss,
      int resumedFromStep,
      @Nullable String lastWord) {
    return new Progress(
        run.attempt(),
        state,
        step,
        totalSteps,
        loss,
        evalLoss,
        latest.tokensPerSecond(),
        latest.utilization(),
        latest.estimatedEnd(),
        memory(RESIDENT),
        peakBytes(),
        predictedPeak,
        run.head().latest(),
        resumedFromStep,
        timeToSave,
        timeToResume,
        workAtRisk(state),
        evaluation,
        answered,
        lastWord,
        clock.instant());
  }

  private void writeInTime(Progress progress) {
    if (written.plus(pause).isBefore(clock.instant())) {
      write(progress);
    } else {
      latest = progress;
    }
  }

  private void write(Progress progress) {
    latest = progress;
    boolean reached = run.writeProgress(progress);
    // While storage cannot be reached each try costs time that training should have.
    pause = reached ? PAUSE : min(pause.multipliedBy(2), LONGEST_PAUSE);
    written = clock.instant();
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  /** Says what the memory plan predicts for the peak of the process. */
  public synchronized void planned(long peakBytes) {
    predictedPeak = peakBytes;
  }

  /**
   * Returns the most resident memory of the process so far, or null if the system does not tell.
   */
  public @Nullable Long peakBytes() {
    return memory(PEAK);
  }

  private static @Nullable Long memory(Pattern line) {
    try {
      Matcher matcher = line.matcher(Files.readString(STATUS, StandardCharsets.US_ASCII));
      return matcher.find() ? Long.parseLong(matcher.group(1)) * 1024 : null;
    } catch (IOException e) {
      // A system without this file does not tell; the field is optional.
      return null;
    }
  }
}
