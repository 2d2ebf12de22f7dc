package dev.finetune.trainer.run;

import dev.finetune.trainer.source.SourceIdentity;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * {@code run.json}: what the first attempt resolved and later ones obey, so that they go on with
 * the same numbers.
 *
 * @param specHash hash of the spec fields that decide the result
 * @param sources model, data sets and adapter to start from, by field of the job, such as {@code
 *     spec.model.uri}
 * @param precision {@code fp32} or {@code bf16}, as chosen for {@code auto}
 * @param threads threads of one product
 * @param tokenBudget tokens of a micro-batch at most
 * @param recompute whether blocks are computed again on the way back instead of remembered
 * @param versions versions of what computes, by name
 * @param createdByAttempt attempt that wrote it
 * @param labels what a classifier tells apart, in the order of its outputs; empty for other runs
 */
public record RunRecord(
    String specHash,
    SortedMap<String, SourceIdentity> sources,
    String precision,
    int threads,
    int tokenBudget,
    boolean recompute,
    SortedMap<String, String> versions,
    int createdByAttempt,
    List<String> labels) {
  /** Copies the collections. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public RunRecord {
    sources = copy(sources);
    versions = copy(versions);
    labels = labels == null ? List.of() : List.copyOf(labels);
  }

  /** Makes one of a run without labels. */
  public RunRecord(
      String specHash,
      SortedMap<String, SourceIdentity> sources,
      String precision,
      int threads,
      int tokenBudget,
      boolean recompute,
      SortedMap<String, String> versions,
      int createdByAttempt) {
    this(
        specHash,
        sources,
        precision,
        threads,
        tokenBudget,
        recompute,
        versions,
        createdByAttempt,
        List.of());
  }

  /** Returns this record with other threads and another token budget. */
  public RunRecord with(int otherThreads, int otherTokenBudget) {
    return new RunRecord(
        specHash,
        sources,
        precision,
        otherThreads,
        otherTokenBudget,
        recompute,
        versions,
        createdByAttempt,
        labels);
  }

  /** Returns this record as written by an attempt. */
  RunRecord by(int attempt) {
    return new RunRecord(
        specHash, sources, precision, threads, tokenBudget, recompute, versions, attempt, labels);
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private static <T> SortedMap<String, T> copy(Map<String, T> map) {
    return Collections.unmodifiableSortedMap(new TreeMap<>(map == null ? Map.of() : map));
  }
}
