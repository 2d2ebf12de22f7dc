package dev.finetune.trainer.progress;

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
 * seconds, more seldom while storage cannot be reached.
 */
public final class ProgressReporter {
  private static final Duration PAUSE = Duration.ofSeconds(2);
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(2);
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Pattern PEAK = Pattern.compile("VmHWM:\\s+(\\d+) kB");
  private static final Pattern RESIDENT = Pattern.compile("VmRSS:\\s+(\\d+) kB");

  private final Run run;
  private final Clock clock;
  private Progress latest;
  private Instant written = Instant.MIN;
  private Duration pause = PAUSE;
  private @Nullable Long predictedPeak;

  /** Makes one that has reported nothing. */
  public ProgressReporter(Run run, Clock clock) {
    this.run = run;
    this.clock = clock;
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
  public void starting() {
    write(latest);
  }

  /** Reports where the run begins or goes on. */
  public void started(int step, int totalSteps, @Nullable Double evalLoss) {
    write(with(Progress.State.TRAINING, step, totalSteps, latest.loss(), evalLoss, step, null));
  }

  /** Reports that the held-out loss is being measured. */
  public void evaluating() {
    write(evaluating(latest.step(), latest.loss()));
  }

  /** Reports that it is being measured after a step, if the last report is older than the pause. */
  public void evaluating(Metrics metrics) {
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

  /** Reports a step, if the last report is older than the pause. */
  public void step(Metrics metrics, Speed speed) {
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
            latest.timeToSaveSeconds(),
            latest.timeToResumeSeconds(),
            latest.workAtRiskSeconds(),
            latest.checkpointRequest(),
            null,
            now);
    writeInTime(progress);
  }

  /** Reports the end of the attempt. */
  public void ended(Progress.State state, @Nullable Double evalLoss, String lastWord) {
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
        latest.timeToSaveSeconds(),
        latest.timeToResumeSeconds(),
        latest.workAtRiskSeconds(),
        latest.checkpointRequest(),
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
  public void planned(long peakBytes) {
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
