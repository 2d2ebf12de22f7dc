package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.data.TokenRows;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.storage.MemoryStore;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs on several sources of rows, in files of several kinds. */
class MixedRowsTest {
  @TempDir private Path folder;
  private Path job;

  @BeforeEach
  void makeJob() throws IOException {
    List<String> rows = TokenRows.lines();
    Path more = Files.createDirectory(folder.resolve("more"));
    gzip(more.resolve("b.jsonl.gz"), rows.subList(0, 7));
    Files.write(
        more.resolve("a.jsonl"),
        rows.subList(7, 12).stream().map(row -> row.replace("input_ids", "ids")).toList());
    gzip(more.resolve("b2.jsonl.gz"), rows.subList(12, 15));
    TrainingJobs jobs = new TrainingJobs(folder);
    job =
        jobs.write(
            jobs.yaml(
                "format: tokens",
                """
                format: tokens
                    onProblem: {leaked: drop}
                    mixture:
                    - uri: file:%s/b*.gz
                      weight: 0.3
                    - uri: file:%s/a.jsonl
                      weight: 1.5
                      columns: {input_ids: ids}"""
                    .formatted(more, more)));
  }

  @Test
  void anInterruptedRunOnAMixtureEndsWithTheBitsOfAnUninterruptedOne() throws IOException {
    MemoryStore whole = new MemoryStore();
    assertThat(new InProcessRun(job, whole).run()).isEqualTo(ExitCode.DONE);
    MemoryStore parts = new MemoryStore();
    for (int questions : new int[] {14, 6}) {
      InProcessRun part = new InProcessRun(job, parts, new StopAfter(questions));
      assertThat(part.run()).isEqualTo(ExitCode.YIELDED);
      assertThat(part.lastStep()).as("it was in the middle").isBetween(1, 11);
    }
    InProcessRun last = new InProcessRun(job, parts);
    assertThat(last.run()).isEqualTo(ExitCode.DONE);
    assertThat(adapter(parts)).isEqualTo(adapter(whole));
    assertThat(last.output())
        .contains("Training data: 38 rows")
        .containsPattern("Left out [12] rows of the mixture that are held out");
  }

  @Test
  void refusesAMixtureWithRowsThatAreHeldOut() throws IOException {
    Path failing =
        Files.writeString(
            folder.resolve("failing.yaml"),
            Files.readString(job).replace("onProblem: {leaked: drop}", ""));
    TrainingJobs.Ended ended = TrainingJobs.run(failing);
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error())
        .startsWith("trainer: spec.dataset.mixture: ")
        .endsWith("set spec.dataset.onProblem.leaked to drop or keep");
  }

  @Test
  void theRunIsTiedToTheBytesOfEveryFileOfEverySource() throws IOException {
    MemoryStore store = new MemoryStore();
    InProcessRun run = new InProcessRun(job, store, new StopAfter(9));
    assertThat(run.run()).isEqualTo(ExitCode.YIELDED);
    JsonNode sources = run.json("run.json").findPath("sources");
    assertThat(sources.fieldNames())
        .toIterable()
        .containsExactlyInAnyOrder(
            "spec.model.uri",
            "spec.dataset.train",
            "spec.dataset.mixture[0].uri",
            "spec.dataset.mixture[1].uri");
    gzip(folder.resolve("more/b3.jsonl.gz"), TokenRows.lines().subList(20, 22));
    assertThatThrownBy(() -> new InProcessRun(job, store).run())
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("spec.dataset.mixture[0].uri: other bytes than when attempt 1");
  }

  private static byte[] adapter(MemoryStore store) {
    String key =
        store.list("").stream()
            .map(object -> object.key())
            .filter(name -> name.endsWith("adapter/adapter_model.safetensors"))
            .findFirst()
            .orElseThrow();
    return store.get(key, 1 << 20).orElseThrow().content();
  }

  private static void gzip(Path file, List<String> lines) throws IOException {
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      out.write((String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8));
    }
  }
}
