package dev.finetune.trainer.recipe;

import dev.finetune.trainer.data.TokenRows;
import dev.finetune.trainer.goldens.Goldens;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Jobs on the tiny Llama, and what the command line says of them. */
final class TrainingJobs {
  private final Path folder;

  TrainingJobs(Path folder) {
    this.folder = folder;
  }

  /** What a command printed, also as its error, and its exit status. */
  record Ended(int status, String output, String error) {}

  /** Returns a job of the tiny Llama; each replacement is a text and what stands in for it. */
  String yaml(String... replacements) {
    String yaml =
        """
        apiVersion: finetune.dev/v1alpha1
        kind: FineTuneJob
        metadata:
          name: tiny
        spec:
          model:
            uri: file:MODEL
          dataset:
            train: file:DATA
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
            maxSteps: 12
            learningRate: 2e-3
            schedule: cosine
            warmupSteps: 2
            globalBatchSize: 4
            maxLength: 64
            precision: fp32
          checkpoint:
            everySteps: 5
            keepLast: 2
          storage:
            uri: file:STORAGE
        """
            .replace("MODEL", Goldens.path("models/tiny-llama").toAbsolutePath().toString())
            .replace("DATA", folder.resolve("data.jsonl").toString())
            .replace("STORAGE", folder.resolve("runs").toString());
    for (int i = 0; i < replacements.length; i += 2) {
      if (!yaml.contains(replacements[i])) {
        throw new IllegalArgumentException("the job has no '" + replacements[i] + "'");
      }
      yaml = yaml.replace(replacements[i], replacements[i + 1]);
    }
    return yaml;
  }

  /** Writes a job and its data and returns the job's file. */
  Path write(String yaml) throws IOException {
    Path data = folder.resolve("data.jsonl");
    if (!Files.exists(data)) {
      Files.write(data, TokenRows.lines());
    }
    return Files.writeString(folder.resolve("job.yaml"), yaml);
  }

  /** Runs a job in this process. */
  static Ended run(Path job, String... more) {
    List<String> arguments = new ArrayList<>(List.of("run", "--job", job.toString()));
    arguments.addAll(List.of(more));
    return command(new StopRequest(false), arguments.toArray(String[]::new));
  }

  /** Runs a command in this process. */
  static Ended command(StopRequest stop, String... arguments) {
    StringWriter output = new StringWriter();
    StringWriter error = new StringWriter();
    int status =
        Main.run(stop, new PrintWriter(output, true), new PrintWriter(error, true), arguments);
    return new Ended(status, output.toString().strip(), error.toString().strip());
  }

  /** Returns the one file of this name below a folder. */
  static Path find(Path folder, String name) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.endsWith(name))
          .reduce(
              (a, b) -> {
                throw new IllegalStateException("two files " + name + ": " + a + ", " + b);
              })
          .orElseThrow(() -> new IllegalStateException("no file " + name + " in " + folder));
    }
  }
}
