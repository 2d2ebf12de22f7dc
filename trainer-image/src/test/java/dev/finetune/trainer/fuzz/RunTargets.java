package dev.finetune.trainer.fuzz;

import dev.finetune.api.run.CheckpointRequest;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.checkpoint.TrainingState;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.run.HostileDocuments;
import java.io.IOException;
import java.time.Instant;
import java.util.List;

/** What a run keeps in its bucket. */
final class RunTargets {
  private RunTargets() {}

  static List<FuzzTarget> all() {
    return List.of(
        new FuzzTarget(
            "head",
            () -> List.of(HostileDocuments.head()),
            Mutations::json,
            HostileDocuments::readHead,
            List.of("head.json")),
        new FuzzTarget(
            "manifest",
            () -> List.of(HostileDocuments.manifest()),
            Mutations::json,
            HostileDocuments::readManifest,
            List.of("manifest.json")),
        new FuzzTarget(
            "run-record",
            () -> List.of(HostileDocuments.record()),
            Mutations::json,
            HostileDocuments::readRecord,
            List.of("run.json", "spec.")),
        document("progress", Progress.class, progress()),
        document(
            "checkpoint-request",
            CheckpointRequest.class,
            new CheckpointRequest("id", Instant.parse("2026-01-01T00:00:00Z"))),
        document("state", TrainingState.class, new TrainingState(3, 1.5, 2.5, 1.75, null, null)));
  }

  private static Progress progress() {
    Instant now = Instant.parse("2026-01-01T00:00:00Z");
    return new Progress(
        1, Progress.State.TRAINING, 3, 10, 1.5, 1.75, 100.0, 0.5, now, 1L << 30, 2, 0, "word", now);
  }

  /** Whoever reads one turns the checked exception into words of their own. */
  private static FuzzTarget document(String name, Class<?> type, Object seed) {
    return new FuzzTarget(
        name,
        () -> List.of(RunJson.write(seed)),
        Mutations::json,
        (input, folder) -> {
          try {
            RunJson.read(input, type);
          } catch (IOException e) {
            throw new UnreadableData(name + ".json: " + e.getMessage(), e);
          }
        },
        List.of(name + ".json"));
  }
}
