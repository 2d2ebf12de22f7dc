package dev.finetune.bench;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One process that trained in one configuration, a line of the results.
 *
 * @param side who trained
 * @param configuration name of the configuration
 * @param repetition from 1
 * @param error why there is no result, or null
 * @param result what was measured, or null
 */
record Measurement(
    Side side,
    String configuration,
    int repetition,
    @Nullable String error,
    @Nullable Result result) {
  /** Who trained. */
  enum Side {
    @JsonProperty("ours")
    OURS,
    @JsonProperty("theirs")
    THEIRS
  }

  /**
   * The end of a phase.
   *
   * @param seconds since the process was started
   * @param cpuSeconds processor seconds that it has used
   */
  record Phase(double seconds, double cpuSeconds) {}

  /**
   * What a process measured. A step is forward, backward, clipping and the optimizer's update.
   *
   * @param threads threads within an operation
   * @param warmupSteps steps that are not part of the speeds
   * @param tokensPerSecond tokens, padding not counted, over the time of the measured steps
   * @param supervisedTokensPerSecond tokens whose loss is trained on, over the same time
   * @param cpuUse processor seconds per second of the measured steps; well below the number of
   *     threads means that something else was running
   * @param peakMebibytes most resident memory of the process, loading included
   * @param secondsToFirstStep from the start of the process to the end of the first update
   * @param cpuSecondsToFirstStep processor seconds of the same
   * @param stepSeconds time of each step
   * @param losses loss of each step, nats per supervised token
   * @param tokensPerStep tokens of each step, padding not counted
   * @param flopsPerStep floating-point operations that the products of each step need, or null
   * @param rowsDigest digest of the token ids and labels, in order
   * @param phases end of each phase up to the first update, or null
   * @param versions of what computed
   */
  record Result(
      int threads,
      int warmupSteps,
      double tokensPerSecond,
      double supervisedTokensPerSecond,
      double cpuUse,
      double peakMebibytes,
      double secondsToFirstStep,
      double cpuSecondsToFirstStep,
      List<Double> stepSeconds,
      List<Double> losses,
      List<Integer> tokensPerStep,
      @Nullable List<Double> flopsPerStep,
      String rowsDigest,
      @Nullable Map<String, Phase> phases,
      Map<String, String> versions) {}
}
