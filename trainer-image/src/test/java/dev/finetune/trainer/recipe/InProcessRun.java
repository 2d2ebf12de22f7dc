package dev.finetune.trainer.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.storage.ObjectStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** A run in this process, on a store that a test has made and looks into. */
final class InProcessRun {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LARGEST = 1 << 20;

  final StopRequest stop;
  private final Path job;
  private final ObjectStore store;
  private final Path metrics;
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();

  InProcessRun(Path job, ObjectStore store) throws IOException {
    this(job, store, new StopRequest(false));
  }

  InProcessRun(Path job, ObjectStore store, StopRequest stop) throws IOException {
    this.job = job;
    this.store = store;
    this.stop = stop;
    this.metrics = Files.createTempFile(job.getParent(), "metrics", ".jsonl");
  }

  /** Runs to the end and returns the exit code; failures are thrown. */
  ExitCode run() throws IOException {
    return run(new FineTuneRecipe.Options(null, metrics, false), Map.of());
  }

  ExitCode run(FineTuneRecipe.Options options, Map<String, String> variables) throws IOException {
    PrintStream out = new PrintStream(output, true, StandardCharsets.UTF_8);
    return new FineTuneRecipe(
            FineTuneJobFile.read(job),
            options,
            new Environment(variables),
            new Console(out, false),
            stop,
            (uri, settings) -> store)
        .run();
  }

  /** Begins to run on a thread of its own. */
  CompletableFuture<ExitCode> start() {
    CompletableFuture<ExitCode> ended = new CompletableFuture<>();
    Thread.ofPlatform()
        .name("run")
        .start(
            () -> {
              try {
                ended.complete(run());
              } catch (RuntimeException | IOException e) {
                ended.completeExceptionally(e);
              }
            });
    return ended;
  }

  Path metrics() {
    return metrics;
  }

  /** Returns what was printed so far. */
  String output() {
    return output.toString(StandardCharsets.UTF_8);
  }

  /** Returns the last step whose metrics are in the local file, 0 if there is none. */
  int lastStep() throws IOException {
    List<String> lines = Files.readAllLines(metrics);
    if (lines.isEmpty() || !lines.getLast().endsWith("}")) {
      return 0;
    }
    return JSON.readTree(lines.getLast()).path("step").asInt();
  }

  /** Waits until a step is reported, or the run has ended. */
  void awaitStep(int step, CompletableFuture<ExitCode> end) throws Exception {
    while (lastStep() < step && !end.isDone()) {
      Thread.sleep(2);
    }
  }

  JsonNode head() throws IOException {
    return json("head.json");
  }

  /** Returns the progress of the newest attempt. */
  JsonNode progress() throws IOException {
    return json("progress.json");
  }

  /** Returns the progress of an attempt, empty if it has written none. */
  JsonNode progressOf(int attempt) throws IOException {
    String end = StorageLayout.progress(attempt);
    boolean written = store.list("").stream().anyMatch(object -> object.key().endsWith(end));
    return written ? json(end) : JSON.createObjectNode();
  }

  /** Returns the document whose key ends so and is the last in order. */
  JsonNode json(String end) throws IOException {
    String key =
        store.list("").stream()
            .map(object -> object.key())
            .filter(name -> name.endsWith(end))
            .max(Comparator.naturalOrder())
            .orElseThrow();
    return JSON.readTree(store.get(key, LARGEST).orElseThrow().content());
  }
}
