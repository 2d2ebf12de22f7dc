package dev.finetune.local;

import dev.finetune.api.status.AdapterStatus;
import dev.finetune.api.status.Condition;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.Phase;
import dev.finetune.api.status.ProgressStatus;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Fine-tunes a model from {@code kubectl apply} to an adapter, and kills the trainer once in the
 * middle to show that it goes on where it was.
 */
final class Demo {
  private static final Duration LOOK_AGAIN = Duration.ofMillis(300);
  private static final String POD_LABEL = "finetune.dev/job";

  private final LocalStack stack;
  private final DemoOptions options;
  private final PrintStream out;
  private boolean killed;
  private String lastLine = "";

  Demo(LocalStack stack, DemoOptions options, PrintStream out) {
    this.stack = stack;
    this.options = options;
    this.out = out;
  }

  /**
   * Runs the demo.
   *
   * @throws DemoFailed if the job fails, takes too long or does not resume
   */
  void run() throws IOException, InterruptedException, DemoFailed {
    ExampleFiles example = new ExampleFiles(options.job());
    FineTuneJobStatus status;
    AdapterStatus adapter;
    try (LocalObjects objects = new LocalObjects(stack.objectStore())) {
      out.println("Uploading to the embedded object store:");
      example.upload(objects, options.model()).forEach(line -> out.println("  " + line));
      out.printf("%nSubmitting %s:%n", options.job().getFileName());
      submit(example);
      status = follow(example.name());
      checkResumed(status);
      adapter = status.adapter();
      if (adapter == null || adapter.uri() == null) {
        throw new DemoFailed("the job is complete, but status.adapter names no folder");
      }
      int files = objects.download(adapter.uri(), options.folder());
      if (files == 0) {
        throw new DemoFailed("there is no adapter in " + adapter.uri());
      }
    }
    printResult(adapter);
    answer();
  }

  private void submit(ExampleFiles example) throws IOException {
    KubernetesClient client = stack.client();
    GenericKubernetesResource job =
        client
            .getKubernetesSerialization()
            .unmarshal(example.text(), GenericKubernetesResource.class);
    client.resource(job).create();
  }

  private FineTuneJobStatus follow(String name) throws InterruptedException, DemoFailed {
    Instant deadline = Instant.now().plus(options.patience());
    while (Instant.now().isBefore(deadline)) {
      FineTuneJob job = stack.client().resources(FineTuneJob.class).withName(name).get();
      FineTuneJobStatus status = job == null ? null : job.getStatus();
      if (status != null) {
        printChange(status);
        killInTheMiddle(name, status);
        if (status.phase() == Phase.Complete) {
          return status;
        }
        if (status.phase() == Phase.Failed) {
          throw new DemoFailed("the job failed: " + why(status));
        }
      }
      Thread.sleep(LOOK_AGAIN);
    }
    throw new DemoFailed(
        "the job took longer than %d minutes; last: %s"
            .formatted(options.patience().toMinutes(), lastLine));
  }

  private void printChange(FineTuneJobStatus status) {
    String line = line(status);
    if (!line.equals(lastLine)) {
      out.println(line);
      lastLine = line;
    }
  }

  /** Writes one line about a job: phase, reason, step, loss, speed and time left. */
  static String line(FineTuneJobStatus status) {
    List<String> words = new ArrayList<>();
    words.add("  %-9s".formatted(status.phase() == null ? "" : status.phase()));
    words.add("%-12s".formatted(Objects.requireNonNullElse(status.reason(), "")));
    ProgressStatus progress = status.progress();
    if (progress != null) {
      add(words, "step", progress.steps());
      add(words, "loss", progress.loss());
      add(words, "held-out", progress.evalLoss());
      add(words, "tok/s", progress.tokensPerSecond());
      add(words, "left", progress.eta());
      Integer resumed = progress.resumedFromStep();
      if (resumed != null && resumed > 0) {
        add(words, "resumed from step", resumed.toString());
      }
    }
    return String.join("  ", words).stripTrailing();
  }

  private static void add(List<String> words, String name, @Nullable String value) {
    if (value != null && !value.isEmpty()) {
      words.add(name + " " + value);
    }
  }

  /** Kills the trainer once, after a checkpoint and about half of the steps. */
  private void killInTheMiddle(String name, FineTuneJobStatus status) {
    ProgressStatus progress = status.progress();
    if (killed || progress == null || progress.step() == null || progress.totalSteps() == null) {
      return;
    }
    boolean saved = progress.checkpointStep() != null && progress.checkpointStep() > 0;
    if (!saved || progress.step() * 2 < progress.totalSteps()) {
      return;
    }
    Optional<Pod> pod =
        stack
            .client()
            .pods()
            .inNamespace("default")
            .withLabel(POD_LABEL, name)
            .list()
            .getItems()
            .stream()
            .filter(one -> stack.runner().pid(one).isPresent())
            .findFirst();
    OptionalLong pid = pod.map(stack.runner()::pid).orElse(OptionalLong.empty());
    if (pid.isEmpty()) {
      return;
    }
    killed = ProcessHandle.of(pid.getAsLong()).map(ProcessHandle::destroyForcibly).orElse(false);
    if (killed) {
      out.printf(
          "%n  Killing the trainer now (kill -9 %d), at step %d; the last checkpoint is of step %d.%n%n",
          pid.getAsLong(), progress.step(), progress.checkpointStep());
    }
  }

  private void checkResumed(FineTuneJobStatus status) throws DemoFailed {
    ProgressStatus progress = status.progress();
    Integer resumed = progress == null ? null : progress.resumedFromStep();
    if (!killed) {
      throw new DemoFailed("the job ended before its trainer could be killed");
    }
    if (status.restarts() == null || status.restarts() < 1 || resumed == null || resumed < 1) {
      throw new DemoFailed(
          "the trainer was killed, but did not go on from a checkpoint: restarts %s, resumedFromStep %s"
              .formatted(status.restarts(), resumed));
    }
    out.printf(
        "%n  The trainer was killed once and went on from step %d: restarts %d.%n",
        resumed, status.restarts());
  }

  private static String why(FineTuneJobStatus status) {
    List<Condition> conditions =
        status.conditions() == null ? List.<Condition>of() : status.conditions();
    return conditions.stream()
        .filter(condition -> condition.type().equals("Failed"))
        .map(condition -> condition.reason() + ": " + condition.message())
        .findFirst()
        .orElse("no reason was given");
  }

  private void printResult(AdapterStatus adapter) throws IOException, InterruptedException {
    out.printf("%n$ kubectl get finetunejobs -o wide%n");
    out.print(
        ResourceTable.fetch(
            stack
                .apiServer()
                .resolve("/apis/finetune.dev/v1alpha1/namespaces/default/finetunejobs")));
    out.printf(
        "%nHeld-out loss: %s before, %s after.%n",
        adapter.evalLossBefore(), adapter.evalLossAfter());
    out.printf("Adapter: %s, copied to %s%n", adapter.uri(), options.folder());
  }

  private void answer() throws IOException, InterruptedException, DemoFailed {
    out.printf("%nPrompt: %s%n", options.prompt());
    out.printf("%nWithout the adapter:%n%s%n", generate(List.of()));
    out.printf(
        "%nWith the adapter:%n%s%n", generate(List.of("--adapter", options.folder().toString())));
  }

  private String generate(List<String> more) throws IOException, InterruptedException, DemoFailed {
    List<String> command =
        new ArrayList<>(
            List.of(
                options.launcher().toString(),
                "generate",
                "--model",
                options.model().toString(),
                "--prompt",
                options.prompt()));
    command.addAll(more);
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int exit = process.waitFor();
    if (exit != 0) {
      throw new DemoFailed("`trainer generate` ended with exit code " + exit);
    }
    return answer.strip();
  }
}
