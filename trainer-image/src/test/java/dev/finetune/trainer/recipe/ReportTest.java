package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.storage.MemoryStore;
import dev.finetune.trainer.storage.ObjectStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a run says of itself at its end, beside its adapter. */
class ReportTest {
  private static final int LARGEST = 1 << 22;

  @TempDir private Path folder;

  private final ObjectStore store = new MemoryStore();

  @Test
  void deliversAReportAndACardWithoutTheSecretsOfTheJob() throws IOException {
    Path job =
        job(
            "  storage:",
            "  pod:\n    env:\n      - {name: HF_TOKEN, value: hf_secret}\n  storage:");
    InProcessRun run = new InProcessRun(job, store);
    assertThat(run.run()).isEqualTo(ExitCode.DONE);
    JsonNode files = run.json("adapter/manifest.json").path("files");
    assertThat(files.fieldNames()).toIterable().contains("report.html", "README.md");
    String report = content(store, "adapter/report.html");
    assertThat(report)
        .contains("<h1><bdi>tiny</bdi></h1>", "QLoRA for CausalLM", "the loss fell from")
        .contains("id=\"training-loss\"", "id=\"held-out-loss\"", "Tensors, measured: ")
        .contains("Rows with the highest loss", "Held out of these", "spec.dataset.train")
        .contains("doubleQuantization: true")
        .doesNotContain("hf_secret", "HF_TOKEN");
    assertThat(table(report, "Training loss, by step")).hasSize(12);
    String card = content(store, "adapter/README.md");
    assertThat(card)
        .contains("library_name: peft", "AutoModelForCausalLM", "| Held-out loss | ")
        .contains("| Perplexity | ", "sha256:")
        .doesNotContain("hf_secret");
  }

  @Test
  void aResumedRunReportsAllStepsAndTheSameRows() throws IOException {
    Path job = job();
    assertThat(new InProcessRun(job, store).run()).isEqualTo(ExitCode.DONE);
    ObjectStore interrupted = new MemoryStore();
    assertThat(new InProcessRun(job, interrupted, new StopAfter(12)).run())
        .isEqualTo(ExitCode.YIELDED);
    assertThat(new InProcessRun(job, interrupted).run()).isEqualTo(ExitCode.DONE);
    String expected = content(store, "adapter/report.html");
    String actual = content(interrupted, "adapter/report.html");
    for (String caption :
        List.of(
            "Training loss, by step",
            "Gradient norm, by step",
            "Held-out loss, by step",
            "Rows with the highest loss")) {
      assertThat(table(actual, caption))
          .as(caption)
          .isEqualTo(table(expected, caption))
          .isNotEmpty();
    }
  }

  @Test
  void brokenMetricsOfAFormerAttemptAreLeftOutAndEndNothing() throws IOException {
    Path job = job();
    assertThat(new InProcessRun(job, store, new StopAfter(12)).run()).isEqualTo(ExitCode.YIELDED);
    String part = key(store, ".*/attempt-0001/metrics-\\d+\\.jsonl");
    store.put(part, "{\"step\": 1, \"loss\": 9\n<script>\n\n".getBytes(StandardCharsets.UTF_8));
    assertThat(new InProcessRun(job, store).run()).isEqualTo(ExitCode.DONE);
    assertThat(table(content(store, "adapter/report.html"), "Training loss, by step"))
        .hasSizeBetween(1, 11)
        .noneMatch(row -> row.contains("<bdi>1</bdi>"));
  }

  private Path job(String... replacements) throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    return jobs.write(jobs.yaml(replacements));
  }

  private static String key(ObjectStore store, String pattern) {
    return store.list("").stream()
        .map(object -> object.key())
        .filter(key -> key.matches(pattern))
        .findFirst()
        .orElseThrow();
  }

  private static String content(ObjectStore store, String end) {
    byte[] content =
        store.get(key(store, ".*/" + Pattern.quote(end)), LARGEST).orElseThrow().content();
    return new String(content, StandardCharsets.UTF_8);
  }

  /** Returns the rows of the table with this caption. */
  private static List<String> table(String report, String caption) {
    Matcher table =
        Pattern.compile("<caption>" + caption + "</caption>.*?<tbody>(.*?)</tbody>", Pattern.DOTALL)
            .matcher(report);
    assertThat(table.find()).as(caption).isTrue();
    return Pattern.compile("<tr>.*?</tr>", Pattern.DOTALL)
        .matcher(table.group(1))
        .results()
        .map(row -> row.group())
        .toList();
  }
}
