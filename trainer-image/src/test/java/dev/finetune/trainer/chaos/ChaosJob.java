package dev.finetune.trainer.chaos;

import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.data.TokenRows;
import dev.finetune.trainer.goldens.Goldens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A job that is killed again and again.
 *
 * @param file file of the FineTuneJob
 * @param steps optimizer steps of the run
 * @param everySteps steps from checkpoint to checkpoint
 */
record ChaosJob(Path file, int steps, int everySteps) {
  private static final int ROWS_OF_SMOL = 10;

  /** Writes a job of the tiny Llama and its data to a folder. */
  static ChaosJob tiny(Path folder, int steps, int everySteps, int keepLast, String precision)
      throws IOException {
    Path data = Files.write(folder.resolve("tiny.jsonl"), TokenRows.lines());
    String model = Goldens.path("models/tiny-llama").toAbsolutePath().toString();
    String yaml =
        """
        apiVersion: finetune.dev/v1alpha1
        kind: FineTuneJob
        metadata:
          name: tiny
        spec:
          model:
            uri: file:%s
          dataset:
            train: file:%s
            evalFraction: 0.1
            format: tokens
          adapter:
            rank: 4
            alpha: 8
            dropout: 0.1
          quantization:
            type: NF4
            doubleQuantization: true
          training:
            maxSteps: %d
            learningRate: 2e-3
            schedule: cosine
            warmupSteps: 2
            globalBatchSize: 4
            maxLength: 64
            precision: %s
          checkpoint:
            everySteps: %d
            keepLast: %d
          storage:
            uri: file:unused
        """
            .formatted(model, data, steps, precision, everySteps, keepLast);
    return new ChaosJob(
        Files.writeString(folder.resolve("tiny-" + precision + ".yaml"), yaml), steps, everySteps);
  }

  /** Writes a job of SmolLM2 on some rows of the examples to a folder. */
  static ChaosJob smolLm2(Path folder, Path model, int steps, int everySteps) throws IOException {
    Path examples = Path.of("../examples/data/kubernetes-train.jsonl");
    Path data =
        Files.write(
            folder.resolve("smol.jsonl"), Files.readAllLines(examples).subList(0, ROWS_OF_SMOL));
    String yaml =
        """
        apiVersion: finetune.dev/v1alpha1
        kind: FineTuneJob
        metadata:
          name: smol
        spec:
          model:
            uri: file:%s
          dataset:
            train: file:%s
            evalFraction: 0.2
            format: alpaca
            onProblem: {tooLong: truncate}
          adapter:
            rank: 4
            alpha: 8
            dropout: 0.1
          quantization:
            type: NF4
            doubleQuantization: true
          training:
            maxSteps: %d
            learningRate: 1e-3
            schedule: cosine
            globalBatchSize: 1
            maxLength: 64
          checkpoint:
            everySteps: %d
            keepLast: 1
          storage:
            uri: file:unused
        """
            .formatted(model.toAbsolutePath(), data, steps, everySteps);
    return new ChaosJob(Files.writeString(folder.resolve("smol.yaml"), yaml), steps, everySteps);
  }

  /** Returns the folder of the run within its storage. */
  String runFolder() throws IOException {
    FineTuneJobFile job = FineTuneJobFile.read(file);
    return StorageLayout.runFolder(job.namespace(), job.name(), SpecHash.of(job.spec()));
  }
}
