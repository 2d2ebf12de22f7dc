package dev.finetune.operator.status;

import dev.finetune.api.run.Progress;
import dev.finetune.api.status.Phase;
import dev.finetune.api.status.ProgressStatus;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Writes the part of a status that the field manager {@code finetune-progress} owns, and decides
 * whether it is time for it.
 */
public final class ProgressFactory {
  private final Clock clock;
  private final Duration writeInterval;

  /** Creates a factory that lets a job's progress be written at most once in an interval. */
  public ProgressFactory(Clock clock, Duration writeInterval) {
    this.clock = clock;
    this.writeInterval = writeInterval;
  }

  /** Returns the progress to write, or empty if there is nothing new or it is too early. */
  public Optional<ProgressStatus> next(
      Progress progress, Phase phase, @Nullable ProgressStatus old) {
    if (old == null) {
      return Optional.of(create(progress, phase));
    }
    ProgressStatus next = create(progress, phase);
    if (next.equals(withoutNews(old, next))) {
      return Optional.empty();
    }
    boolean ended = phase != Phase.Running && phase != Phase.Pending;
    return ended || isDue(progress, old) ? Optional.of(next) : Optional.empty();
  }

  private boolean isDue(Progress progress, ProgressStatus old) {
    if (old.attempt() == null || old.attempt() != progress.attempt()) {
      return true;
    }
    boolean answered =
        progress.checkpointRequest() != null
            && !progress.checkpointRequest().equals(old.checkpointRequest());
    if (answered || old.lastUpdateTime() == null) {
      return true;
    }
    try {
      return !progress.updated().isBefore(Instant.parse(old.lastUpdateTime()).plus(writeInterval));
    } catch (DateTimeParseException _) {
      // Someone else wrote the time; the next write repairs it.
      return true;
    }
  }

  private ProgressStatus create(Progress progress, Phase phase) {
    boolean runs = phase == Phase.Running && progress.estimatedEnd() != null;
    Instant end = runs ? progress.estimatedEnd() : null;
    Double speed = progress.tokensPerSecond();
    return new ProgressStatus(
        progress.step(),
        progress.totalSteps() == 0 ? null : progress.totalSteps(),
        progress.step() + "/" + (progress.totalSteps() == 0 ? "?" : progress.totalSteps()),
        Texts.loss(progress.loss()),
        Texts.loss(progress.evalLoss()),
        EvaluationText.of(progress.evaluation()),
        speed == null ? null : Long.toString(Math.round(speed)),
        end == null ? null : Texts.duration(Duration.between(clock.instant(), end)),
        end == null ? null : Texts.time(end),
        progress.attempt(),
        progress.resumedFromStep(),
        progress.checkpointStep(),
        millis(progress.timeToSaveSeconds()),
        millis(progress.timeToResumeSeconds()),
        seconds(progress.workAtRiskSeconds()),
        progress.checkpointRequest(),
        progress.memoryBytes(),
        Texts.time(progress.updated()));
  }

  private static @Nullable Integer millis(@Nullable Double seconds) {
    return seconds == null ? null : (int) Math.round(Math.clamp(seconds, 0, 1e6) * 1000);
  }

  private static @Nullable Integer seconds(@Nullable Double seconds) {
    return seconds == null ? null : (int) Math.round(Math.clamp(seconds, 0, 1e9));
  }

  /**
   * Returns the old progress as if what grows with the clock had been computed now, which is no
   * news: the time left and the work at risk.
   */
  private static ProgressStatus withoutNews(ProgressStatus old, ProgressStatus next) {
    boolean sameEnd = old.estimatedEnd() != null && old.estimatedEnd().equals(next.estimatedEnd());
    return new ProgressStatus(
        old.step(),
        old.totalSteps(),
        old.steps(),
        old.loss(),
        old.evalLoss(),
        old.evaluation(),
        old.tokensPerSecond(),
        sameEnd ? next.eta() : old.eta(),
        old.estimatedEnd(),
        old.attempt(),
        old.resumedFromStep(),
        old.checkpointStep(),
        old.timeToSaveMillis(),
        old.timeToResumeMillis(),
        next.workAtRiskSeconds() == null ? old.workAtRiskSeconds() : next.workAtRiskSeconds(),
        old.checkpointRequest(),
        old.memoryBytes(),
        old.lastUpdateTime());
  }
}
