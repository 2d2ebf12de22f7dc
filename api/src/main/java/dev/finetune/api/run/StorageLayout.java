package dev.finetune.api.run;

import java.util.Locale;

/**
 * Names of the objects of a run, relative to {@code storage.uri}. Folders end with a slash.
 *
 * <pre>
 * namespace/name/specHash/
 *   run.json                          frozen by the first attempt
 *   head.json                         the one mutable truth
 *   checkpoint-request.json           the newest request for a checkpoint, written by others
 *   attempt-0003/attempt.json         how the attempt computes, written before its first step
 *   attempt-0003/progress.json
 *   attempt-0003/metrics-00000120.jsonl
 *   attempt-0003/checkpoint-00000100/ manifest.json last
 *   attempt-0003/adapter/             manifest.json last
 * </pre>
 */
public final class StorageLayout {
  /** What the first attempt resolved, within the run folder. */
  public static final String RUN = "run.json";

  /** Who owns the run and which checkpoints exist, within the run folder. */
  public static final String HEAD = "head.json";

  /** A {@link CheckpointRequest}, within the run folder; overwritten by each newer one. */
  public static final String CHECKPOINT_REQUEST = "checkpoint-request.json";

  /** Sizes and hashes of the files of a checkpoint or adapter folder, written last. */
  public static final String MANIFEST = "manifest.json";

  private StorageLayout() {}

  /** Returns the folder of a run. */
  public static String runFolder(String namespace, String name, String specHash) {
    return namespace + "/" + name + "/" + specHash + "/";
  }

  /** Returns the folder of everything that an attempt writes, within the run folder. */
  public static String attemptFolder(int attempt) {
    return String.format(Locale.ROOT, "attempt-%04d/", attempt);
  }

  /** Returns the object that says how an attempt computes, within the run folder. */
  public static String attempt(int attempt) {
    return attemptFolder(attempt) + "attempt.json";
  }

  /** Returns the object with the progress of an attempt, within the run folder. */
  public static String progress(int attempt) {
    return attemptFolder(attempt) + "progress.json";
  }

  /** Returns the object with the metrics up to and including an optimizer step. */
  public static String metrics(int attempt, int lastStep) {
    return String.format(Locale.ROOT, "%smetrics-%08d.jsonl", attemptFolder(attempt), lastStep);
  }

  /** Returns the folder of the checkpoint that an attempt wrote after an optimizer step. */
  public static String checkpointFolder(int attempt, int step) {
    return String.format(Locale.ROOT, "%scheckpoint-%08d/", attemptFolder(attempt), step);
  }

  /** Returns the folder of the delivered adapter, within the run folder. */
  public static String adapterFolder(int attempt) {
    return attemptFolder(attempt) + "adapter/";
  }
}
