package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Document;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** {@code attempt.json} of the attempts of a run. */
final class AttemptFile {
  private static final int MAX_BYTES = 1 << 18;

  private final RunFolder run;

  AttemptFile(RunFolder run) {
    this.run = run;
  }

  /** Returns what an attempt is to say of itself, by what the one that it goes on from said. */
  AttemptRecord describe(int attempt, Computation computation, @Nullable CheckpointEntry from) {
    if (from == null) {
      return new AttemptRecord(attempt, computation, 0, null, Equality.ofBits());
    }
    Equality equality =
        Equality.goingOn(from.attempt(), read(from.attempt()).orElse(null), computation);
    return new AttemptRecord(attempt, computation, from.step(), from.attempt(), equality);
  }

  /** Reads what an attempt said of itself; one that cannot be understood has said nothing. */
  Optional<AttemptRecord> read(int attempt) {
    try {
      Optional<Document> document =
          run.patient().get(run.key(StorageLayout.attempt(attempt)), MAX_BYTES);
      if (document.isEmpty()) {
        return Optional.empty();
      }
      AttemptRecord record = RunJson.read(document.get().content(), AttemptRecord.class);
      return record != null && record.isWhole() ? Optional.of(record) : Optional.empty();
    } catch (UnreadableData | IOException e) {
      run.settings()
          .notices()
          .accept(
              run.location(StorageLayout.attempt(attempt))
                  + ": cannot be understood: "
                  + e.getMessage());
      return Optional.empty();
    }
  }
}
