package dev.finetune.trainer.report;

import dev.finetune.trainer.report.ReportData.DataSet;
import dev.finetune.trainer.report.ReportData.Evaluation;
import dev.finetune.trainer.report.ReportData.Fact;
import dev.finetune.trainer.report.ReportData.Forgetting;
import dev.finetune.trainer.report.ReportData.Memory;
import dev.finetune.trainer.report.ReportData.Provenance;
import dev.finetune.trainer.report.ReportData.Quality;
import dev.finetune.trainer.report.ReportData.Rows;
import dev.finetune.trainer.report.ReportData.Rows.Row;
import dev.finetune.trainer.report.ReportData.Sample;
import dev.finetune.trainer.report.ReportData.Sample.Answer;
import dev.finetune.trainer.report.ReportData.Step;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Data of reports: one with every section, one with as little as a run may have. */
final class ReportExamples {
  /** What a stranger's row may hold: markup, a script, controls, a change of direction. */
  static final String HOSTILE =
      "</td></script><script>window.broken = 1</script><img src=x onerror=\"window.broken = 2\">"
          + " & 'quoted' \u0000\u001b[31m\u202egnp.exe \ud83d\ude00";

  private static final long MEBIBYTE = 1 << 20;

  private ReportExamples() {}

  /** Returns data with every section, of a run of so many steps. */
  static ReportData whole(int steps) {
    return new ReportData(
        headline(),
        steps(steps),
        IntStream.rangeClosed(0, 10)
            .mapToObj(
                i ->
                    new Evaluation(
                        i * steps / 10, 1.9 + 1.2 * Math.exp(-i / 2.0) + (i > 7 ? 0.03 * i : 0)))
            .toList(),
        memory(),
        List.of(
            new DataSet(
                "Training",
                List.of(new Fact("Rows", "10,000"), new Fact("Tokens", "1,234,567")),
                List.of(
                    new DataSet.Finding("longer than maxLength: " + HOSTILE, 12, "4, 90, 7001"))),
            new DataSet("Held out", List.of(new Fact("Rows", "500")), List.of())),
        quality(),
        List.of(
            new Sample(
                "How do I list pods in all namespaces?\n" + HOSTILE,
                List.of(
                    new Answer(0, "I am not sure what you mean by pods."),
                    new Answer(steps / 2, "kubectl get pods"),
                    new Answer(steps, "kubectl get pods --all-namespaces")))),
        new Forgetting(
            IntStream.rangeClosed(0, 10)
                .mapToObj(i -> new Evaluation(i * steps / 10, 3.1 + 0.012 * i))
                .toList(),
            0.2,
            List.of("It stayed within the limit of 0.2 nats per token.")),
        rows(),
        provenance());
  }

  /** Returns data of a run of two steps without held-out rows whose metrics were lost. */
  static ReportData least() {
    return new ReportData(
        new ReportData.Headline(
            "tiny",
            "CausalLM",
            "LoRA",
            "file:model",
            "nats per token",
            true,
            null,
            null,
            List.of()),
        List.of(),
        List.of(),
        null,
        List.of(),
        null,
        List.of(),
        null,
        null,
        new Provenance(List.of(), List.of(), "kind: FineTuneJob\n"));
  }

  private static ReportData.Headline headline() {
    return new ReportData.Headline(
        "kubectl-assistant",
        "CausalLM",
        "QLoRA",
        "hf://HuggingFaceTB/SmolLM2-135M-Instruct",
        "nats per token",
        true,
        3.1,
        1.9221,
        List.of("The held-out loss is lowest after step 350 and rises from there: overfitting."));
  }

  private static List<Step> steps(int count) {
    Random random = new Random(7);
    return IntStream.rangeClosed(1, count)
        .mapToObj(
            i ->
                new Step(
                    i,
                    1.7
                        + 1.6 * Math.exp(-8.0 * i / count)
                        + 0.12 * random.nextGaussian()
                        + (i == count / 3 ? 1.5 : 0),
                    2e-4 * Math.min(1, 20.0 * i / count) * (1 + Math.cos(Math.PI * i / count)) / 2,
                    0.6 + 2 * Math.exp(-9.0 * i / count) + 0.1 * Math.abs(random.nextGaussian()),
                    2000 + random.nextInt(400),
                    900,
                    0.4 + 0.02 * random.nextGaussian()))
        .toList();
  }

  private static Memory memory() {
    return new Memory(
        List.of(
            new Memory.Bar("Tensors", 410 * MEBIBYTE, 402 * MEBIBYTE),
            new Memory.Bar("Process", 742 * MEBIBYTE, 731 * MEBIBYTE)),
        1024 * MEBIBYTE,
        "the control group's memory.max",
        List.of(
            new Memory.Part("base weights, NF4", 96 * MEBIBYTE),
            new Memory.Part("logits of a chunk", 190 * MEBIBYTE)),
        "training",
        List.of("Micro-batches of up to 2048 tokens, blocks remembered."));
  }

  private static Quality quality() {
    List<String> labels = List.of("ham", "spam", HOSTILE);
    return new Quality(
        List.of(
            new Quality.Score("accuracy", 0.41, 0.974, 0.958, 0.986),
            new Quality.Score("macro F1", null, 0.969, null, null)),
        labels.stream().map(l -> new Quality.ClassScore(l, 0.97, 0.96, 0.965, 240)).toList(),
        new Quality.Confusion(
            labels, List.of(List.of(231L, 9L, 0L), List.of(4L, 212L, 2L), List.of(0L, 60L, 40L))));
  }

  private static Rows rows() {
    List<Row> rows =
        IntStream.range(0, 12)
            .mapToObj(
                i ->
                    new Row(
                        400 - i,
                        "Which command lists pods in all namespaces? " + "word ".repeat(i * 20),
                        i == 0 ? HOSTILE : "kubectl delete namespace",
                        24 + i,
                        5.4 - i * 0.1,
                        5.1 - i * 0.1,
                        5.2 - i * 0.1,
                        3))
            .toList();
    return new Rows(rows.subList(0, 3), rows, 9500, null);
  }

  private static Provenance provenance() {
    String digest = "sha256:" + "0123456789abcdef".repeat(4);
    return new Provenance(
        List.of(
            new Provenance.Origin(
                "spec.model.uri",
                "hf://HuggingFaceTB/SmolLM2-135M-Instruct",
                digest,
                269 * MEBIBYTE),
            new Provenance.Origin(
                "spec.dataset.train", "s3://data/train.jsonl", digest, 3 * MEBIBYTE)),
        List.of(
            new Fact("Precision", "bf16"),
            new Fact("Threads", "2"),
            new Fact("Equal to a run without interruptions", "to the bit")),
        "apiVersion: finetune.dev/v1alpha1\nkind: FineTuneJob\nspec:\n  task: \"CausalLM\"\n# "
            + HOSTILE);
  }
}
