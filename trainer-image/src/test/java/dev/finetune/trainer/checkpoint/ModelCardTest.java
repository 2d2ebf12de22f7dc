package dev.finetune.trainer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.run.Equality;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.run.RunResult;
import dev.finetune.trainer.source.SourceIdentity;
import java.io.IOException;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelCardTest {
  private static final String JOB =
      """
      apiVersion: finetune.dev/v1alpha1
      kind: FineTuneJob
      metadata: {name: card}
      spec:
        task: CausalLM
        model: {uri: hf://HuggingFaceTB/SmolLM2-135M, revision: main}
        dataset: {train: hf://datasets/tatsu-lab/alpaca/data/train.parquet, evalFraction: 0.1}
        adapter: {rank: 8, alpha: 16}
        quantization: {type: NF4}
        training: {epochs: 1, learningRate: 2e-4}
        storage: {uri: "s3://runs/a"}
      """;

  @Test
  void frontMatterIsThatOfTheHub() throws IOException {
    JsonNode matter = frontMatter(card(JOB).text());
    assertThat(matter.path("base_model").asText()).isEqualTo("HuggingFaceTB/SmolLM2-135M");
    assertThat(matter.path("library_name").asText()).isEqualTo("peft");
    assertThat(matter.path("pipeline_tag").asText()).isEqualTo("text-generation");
    assertThat(matter.path("datasets").toString()).isEqualTo("[\"tatsu-lab/alpaca\"]");
    assertThat(matter.path("tags"))
        .extracting(JsonNode::asText)
        .containsExactly(
            "lora", "transformers", "qlora", "base_model:adapter:HuggingFaceTB/SmolLM2-135M");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "CausalLM | '' | AutoModelForCausalLM | revision=\"main\")",
        "SequenceClassification | classification: {labels: [ham, spam]} |"
            + " AutoModelForSequenceClassification | num_labels=3)",
        "TokenClassification | classification: {labels: [O, B-PER, I-PER]} |"
            + " AutoModelForTokenClassification | num_labels=3)"
      })
  void showsHowAnAdapterOfItsTaskIsLoaded(
      String task, String classification, String model, String end) {
    String job = JOB.replace("task: CausalLM", "task: " + task + "\n  " + classification);
    assertThat(card(job).text())
        .contains("base = " + model + ".from_pretrained(\"HuggingFaceTB/SmolLM2-135M\"")
        .contains(end + "\nmodel = PeftModel.from_pretrained(base, \"path/to/this-adapter\")");
  }

  @Test
  void tellsResultsAndProvenance() {
    assertThat(card(JOB).text())
        .contains("| Held-out loss | 3.0000 | 2.0000 |  |")
        .contains("| Perplexity | 20.0855 | 7.3891 |  |")
        .contains("| token accuracy |  | 0.5000 | 0.4000 to 0.6000 |")
        .contains("went from 3.1000 to 3.2000 nats per token")
        .contains("| `spec.model.uri` | hf://HuggingFaceTB/SmolLM2-135M (sha256:abc) |")
        .contains("| Equal to a run without interruptions | to the bit |")
        .isEqualTo(card(JOB).text());
  }

  /** A path may hold anything but is no markup, ends no cell and no front matter. */
  @Test
  void whatAJobNamesIsNoMarkup() throws IOException {
    String card =
        card(JOB.replace(
                "hf://HuggingFaceTB/SmolLM2-135M,",
                "\"file:/a|b\\n---\\n<script>`[x](http://y)\","))
            .text();
    assertThat(card).doesNotContain("<script", "a|b").contains("a\\|b --- &lt;script>");
    assertThat(frontMatter(card).has("base_model")).isFalse();
    assertThat(card).contains("from_pretrained(\"path/to/base-model\"");
  }

  private static JsonNode frontMatter(String card) throws IOException {
    assertThat(card).startsWith("---\n");
    return new YAMLMapper().readTree(card.substring(4, card.indexOf("\n---\n")));
  }

  private static ModelCard card(String job) {
    TreeMap<String, SourceIdentity> sources = new TreeMap<>();
    sources.put(
        "spec.model.uri", new SourceIdentity("hf://HuggingFaceTB/SmolLM2-135M", "sha256:abc", 5));
    TreeMap<String, String> versions = new TreeMap<>();
    versions.put("libtorch", "2.7.1");
    return new ModelCard(
        FineTuneJobFile.parse(job).spec(),
        new RunRecord("hash", sources, "bf16", 2, 512, false, versions, 1),
        3,
        new RunResult(10, 1.5, 3.0, 2.0),
        Equality.ofBits(),
        List.of(new ModelCard.Score("token accuracy", null, 0.5, 0.4, 0.6)),
        new ModelCard.General(3.1, 3.2));
  }
}
