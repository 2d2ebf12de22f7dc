package dev.finetune.trainer.run;

import dev.finetune.api.run.SealedJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.source.SourceIdentity;
import dev.finetune.trainer.storage.ConditionalWrite;
import dev.finetune.trainer.storage.Document;
import dev.finetune.trainer.storage.Retry;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** {@code run.json}: written by the first attempt, obeyed by every other. */
final class RunRecordFile {
  private static final int MOST_THREADS = 1024;
  private static final int MOST_TOKENS = 1 << 24;

  private static final int MAX_BYTES = 1 << 20;

  private final RunFolder run;
  private final String key;

  RunRecordFile(RunFolder run) {
    this.run = run;
    this.key = run.key(StorageLayout.RUN);
  }

  /**
   * Writes the record, unless there is one, which then counts.
   *
   * @param begun whether checkpoints are listed, so that there must be one
   * @throws UnreadableData if it is broken, or gone
   * @throws InvalidConfiguration if there is one and a source has other bytes now
   */
  RunRecord freeze(RunRecord proposed, boolean begun) {
    return begun ? obeyed(required(), proposed) : freeze(proposed);
  }

  private RunRecord required() {
    return read()
        .orElseThrow(
            () ->
                new UnreadableData(
                    run.location(StorageLayout.RUN)
                        + ": is missing, though head.json lists checkpoints that were trained as"
                        + " it said; bring it back, or set spec.runId to begin a new run"));
  }

  private RunRecord freeze(RunRecord proposed) {
    byte[] content = SealedJson.write(proposed);
    Retry.Attempts attempts =
        run.settings().retry().attempts("write " + run.location(StorageLayout.RUN));
    while (true) {
      switch (run.store().putIfAbsent(key, content)) {
        case ConditionalWrite.Written(String etag) -> {
          return proposed;
        }
        case ConditionalWrite.PreconditionFailed() -> {
          Optional<RunRecord> frozen = read();
          if (frozen.isPresent()) {
            return obeyed(frozen.get(), proposed);
          }
          attempts.failed(
              new StorageUnreachable(run.location(StorageLayout.RUN) + " comes and goes"));
        }
        case ConditionalWrite.Unanswered(StorageUnreachable cause) -> attempts.failed(cause);
      }
    }
  }

  Optional<RunRecord> read() {
    return run.patient().get(key, MAX_BYTES).map(this::parse);
  }

  private RunRecord obeyed(RunRecord frozen, RunRecord proposed) {
    if (!frozen.specHash().equals(proposed.specHash())) {
      throw new InvalidConfiguration(
          run.location(StorageLayout.RUN)
              + ": belongs to the spec "
              + frozen.specHash()
              + ", this job is "
              + proposed.specHash());
    }
    TreeSet<String> fields = new TreeSet<>(frozen.sources().keySet());
    fields.addAll(proposed.sources().keySet());
    for (String field : fields) {
      compare(frozen, field, proposed.sources());
    }
    return frozen;
  }

  private static void compare(
      RunRecord frozen, String field, Map<String, SourceIdentity> proposed) {
    SourceIdentity before = frozen.sources().get(field);
    SourceIdentity now = proposed.get(field);
    if (before != null && before.matches(now)) {
      return;
    }
    throw new InvalidConfiguration(
        field
            + ": other bytes than when attempt "
            + frozen.createdByAttempt()
            + " began this run: then "
            + describe(before)
            + ", now "
            + describe(now)
            + "; bring the former bytes back, or set spec.runId to begin a new run");
  }

  private static String describe(@Nullable SourceIdentity identity) {
    if (identity == null) {
      return "nothing";
    }
    String content = identity.content();
    return identity.uri()
        + " was "
        + identity.digest()
        + (content == null || content.equals(identity.digest()) ? "" : " with content " + content)
        + " ("
        + identity.bytes()
        + " bytes)";
  }

  private RunRecord parse(Document document) {
    try {
      RunRecord record = SealedJson.read(document.content(), RunRecord.class);
      if (isWhole(record)) {
        return record;
      }
    } catch (IOException e) {
      throw new UnreadableData(
          run.location(StorageLayout.RUN) + ": is no record of a run: " + e.getMessage(), e);
    }
    throw new UnreadableData(
        run.location(StorageLayout.RUN)
            + ": specHash, precision, threads or tokenBudget is missing or out of range");
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private static boolean isWhole(@Nullable RunRecord record) {
    return record != null
        && record.specHash() != null
        && record.precision() != null
        && record.threads() > 0
        && record.threads() <= MOST_THREADS
        && record.tokenBudget() > 0
        && record.tokenBudget() <= MOST_TOKENS;
  }
}
