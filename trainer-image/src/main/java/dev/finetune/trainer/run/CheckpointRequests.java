package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointRequest;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Document;
import dev.finetune.trainer.storage.StoredObject;
import java.io.IOException;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The requests for a checkpoint that others leave in the folder of a run. Anyone who can write to
 * the bucket can leave one, so that it is read with care; one that cannot be read is told once and
 * passed over. Used by one thread.
 */
public final class CheckpointRequests {
  private static final int MAX_BYTES = 4096;
  private static final int MAX_PROGRESS_BYTES = 1 << 20;
  private static final int ATTEMPTS_TO_ASK = 10;
  private static final Pattern ID = Pattern.compile("[\\x20-\\x7e]{1,63}");

  private final RunFolder run;
  private final int attempt;
  private String seen = "";
  private boolean told;

  CheckpointRequests(RunFolder run, int attempt) {
    this.run = run;
    this.attempt = attempt;
  }

  /**
   * Looks once whether there is a request that the last call did not see: one request for its ETag,
   * and another one if that is new. While the storage cannot be reached there is none.
   *
   * @return the id of the request
   */
  public Optional<String> poll() {
    String key = run.key(StorageLayout.CHECKPOINT_REQUEST);
    try {
      Optional<StoredObject> object = run.hasty().head(key);
      if (object.isEmpty() || object.get().etag().equals(seen)) {
        return Optional.empty();
      }
      seen = object.get().etag();
      Optional<Document> document = run.hasty().get(key, MAX_BYTES);
      document.ifPresent(found -> seen = found.etag());
      return document.map(CheckpointRequests::parse);
    } catch (UnreadableData | InvalidConfiguration e) {
      tell(e.getMessage());
      return Optional.empty();
    } catch (StorageUnreachable e) {
      // Whoever writes tells of an outage; the next call looks again.
      seen = "";
      return Optional.empty();
    }
  }

  private static String parse(Document document) {
    try {
      CheckpointRequest request = RunJson.read(document.content(), CheckpointRequest.class);
      String id = id(request);
      if (id != null && ID.matcher(id).matches()) {
        return id;
      }
    } catch (IOException e) {
      throw new UnreadableData("it is no JSON of a request", e);
    }
    throw new UnreadableData("its id must have 1 to 63 printable characters");
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private static @Nullable String id(@Nullable CheckpointRequest request) {
    return request == null ? null : request.id();
  }

  private void tell(@Nullable String why) {
    if (!told) {
      told = true;
      run.settings()
          .notices()
          .accept(run.location(StorageLayout.CHECKPOINT_REQUEST) + ": is not heeded, since " + why);
    }
  }

  /**
   * Returns the id of the newest request that former attempts answered, as the newest of them that
   * left word says; null if there is none, or if it cannot be read now.
   */
  public @Nullable String answeredBefore() {
    try {
      for (int n = attempt - 1; n > 0 && n >= attempt - ATTEMPTS_TO_ASK; n--) {
        Optional<Document> document =
            run.hasty().get(run.key(StorageLayout.progress(n)), MAX_PROGRESS_BYTES);
        if (document.isPresent()) {
          Progress progress = RunJson.read(document.get().content(), Progress.class);
          return progress == null ? null : progress.checkpointRequest();
        }
      }
      return null;
    } catch (StorageUnreachable | InvalidConfiguration | UnreadableData | IOException e) {
      // At worst a request is answered twice.
      return null;
    }
  }
}
