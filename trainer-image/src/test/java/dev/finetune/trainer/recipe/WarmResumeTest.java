package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.source.CountingServer;
import dev.finetune.trainer.storage.ObjectStores;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Attempts whose model lies on a server, and whose cache outlives them. */
class WarmResumeTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private CountingServer server;

  @BeforeEach
  void start() throws IOException {
    server = CountingServer.start();
    Path model = Goldens.path("models/tiny-llama");
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        server.put("llama/" + file.getFileName(), Files.readAllBytes(file));
      }
    }
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void resumesWithTheSameBitsFromAWarmCacheThoughTheServerIsDown() throws IOException {
    assertThat(run("runs", "cache", true)).isEqualTo(ExitCode.YIELDED);
    assertThat(server.takeRequests()).isNotEmpty();
    assertThat(run("cold", "other-cache", false)).isEqualTo(ExitCode.DONE);
    server.close();
    assertThat(run("runs", "cache", false)).isEqualTo(ExitCode.DONE);
    assertThat(adapter("runs")).hasSameBinaryContentAs(adapter("cold"));
    assertThat(folder.resolve("cache/use")).isEmptyDirectory();
  }

  @Test
  void otherBytesBehindTheUriEndTheRunOnceTheCacheIsGone() throws IOException {
    assertThat(run("runs", "cache", true)).isEqualTo(ExitCode.YIELDED);
    server.put("llama/more.json", "{}".getBytes(StandardCharsets.UTF_8));
    server.takeRequests();
    assertThatThrownBy(() -> run("runs", "other-cache", false))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.model.uri: other bytes than when attempt 1 began this run");
    assertThat(server.takeRequests()).isNotEmpty();
    assertThat(run("runs", "cache", false)).isEqualTo(ExitCode.DONE);
    assertThat(server.takeRequests()).isEmpty();
  }

  private ExitCode run(String storage, String cache, boolean stopped) throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    String local = "file:" + Goldens.path("models/tiny-llama").toAbsolutePath();
    Path job = jobs.write(jobs.yaml(local, "s3://models/llama", "maxSteps: 12", "maxSteps: 3"));
    StopRequest stop = new StopRequest(false);
    if (stopped) {
      stop.request();
    }
    Environment environment =
        new Environment(
            Map.of(
                "FINETUNE_CACHE",
                folder.resolve(cache).toString(),
                "AWS_ENDPOINT_URL",
                server.endpoint().toString(),
                "FINETUNE_MODEL_AWS_ACCESS_KEY_ID",
                "a",
                "FINETUNE_MODEL_AWS_SECRET_ACCESS_KEY",
                "b"));
    return new FineTuneRecipe(
            FineTuneJobFile.read(job),
            new FineTuneRecipe.Options("file:" + folder.resolve(storage), null, false),
            environment,
            new Console(new PrintStream(said, true, StandardCharsets.UTF_8), false),
            stop,
            ObjectStores::open)
        .run();
  }

  private Path adapter(String storage) throws IOException {
    return TrainingJobs.find(folder.resolve(storage), "adapter/adapter_model.safetensors");
  }
}
