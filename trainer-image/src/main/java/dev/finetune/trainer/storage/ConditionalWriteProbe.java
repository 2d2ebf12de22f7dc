package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * Finds out whether a store does conditional writes. Some stores accept the headers and ignore
 * them; on those two attempts would overwrite each other's checkpoints.
 */
public final class ConditionalWriteProbe {
  private static final byte[] FIRST = "first".getBytes(StandardCharsets.UTF_8);
  private static final byte[] SECOND = "second".getBytes(StandardCharsets.UTF_8);

  private ConditionalWriteProbe() {}

  /**
   * Writes, refuses to overwrite, replaces and deletes one small object in a folder.
   *
   * @param folder ends with a slash
   * @throws InvalidConfiguration if the store does not do as told
   * @throws StorageUnreachable if it cannot be reached until the deadline
   */
  public static void check(ObjectStore store, String folder, Retry retry) {
    Retry.Attempts attempts = retry.attempts("probe conditional writes in " + store.location(""));
    while (true) {
      String key = ObjectKey.checkFolder(folder) + "probe-" + UUID.randomUUID();
      try {
        probe(store, key);
        store.retrying(retry).delete(key);
        return;
      } catch (StorageUnreachable e) {
        deleteIfPossible(store, key);
        attempts.failed(e);
      } catch (InvalidConfiguration e) {
        deleteIfPossible(store, key);
        throw e;
      }
    }
  }

  private static void probe(ObjectStore store, String key) {
    String etag = written(store, store.putIfAbsent(key, FIRST), "If-None-Match on a new object");
    refused(store, store.putIfAbsent(key, SECOND), "If-None-Match on an object that exists");
    String next = written(store, store.putIfMatch(key, SECOND, etag), "If-Match with its ETag");
    if (next.equals(etag)) {
      throw unfit(store, "the ETag did not change with the content");
    }
    refused(store, store.putIfMatch(key, FIRST, etag), "If-Match with a former ETag");
    // Some releases of MinIO write when there is no object to match.
    refused(store, store.putIfMatch(key + "-absent", FIRST, etag), "If-Match on no object");
  }

  private static String written(ObjectStore store, ConditionalWrite outcome, String what) {
    return switch (outcome) {
      case ConditionalWrite.Written(String etag) -> etag;
      case ConditionalWrite.PreconditionFailed() -> throw unfit(store, what + " was refused");
      case ConditionalWrite.Unanswered(StorageUnreachable cause) -> throw cause;
    };
  }

  private static void refused(ObjectStore store, ConditionalWrite outcome, String what) {
    switch (outcome) {
      case ConditionalWrite.Written(String etag) ->
          throw unfit(store, what + " was written and should have been refused");
      case ConditionalWrite.PreconditionFailed() -> {}
      case ConditionalWrite.Unanswered(StorageUnreachable cause) -> throw cause;
    }
  }

  private static InvalidConfiguration unfit(ObjectStore store, String found) {
    return new InvalidConfiguration(
        "spec.storage.uri: "
            + store.location("")
            + " must do conditional writes, without which two attempts could overwrite each"
            + " other's checkpoints; "
            + found);
  }

  private static void deleteIfPossible(ObjectStore store, String key) {
    try {
      store.delete(key);
      store.delete(key + "-absent");
    } catch (StorageUnreachable | InvalidConfiguration e) {
      // The probe's own result matters more than its leftover of a few bytes.
      System.getLogger(ConditionalWriteProbe.class.getName())
          .log(System.Logger.Level.DEBUG, "probe object stays: {0}", e.getMessage());
    }
  }
}
