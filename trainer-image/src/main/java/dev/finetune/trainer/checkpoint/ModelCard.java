package dev.finetune.trainer.checkpoint;

import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.Adapter;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Task;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.failure.MessageText;
import dev.finetune.trainer.run.Equality;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.run.RunResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The README of a delivered adapter, a model card as the Hugging Face Hub reads it: what it is, of
 * what it was made, how good it is, and how it is loaded. It quotes no row of the data.
 *
 * @param spec the job
 * @param record what the run was made of
 * @param outputs number of outputs of a classifier's head
 * @param result how it came out
 * @param equality how far it equals a run without interruptions
 * @param scores metrics of the task besides the loss
 * @param general the loss on general text, or null if it was not measured
 * @see "Hugging Face Hub, documentation of model cards"
 */
public record ModelCard(
    FineTuneJobSpec spec,
    RunRecord record,
    int outputs,
    RunResult result,
    Equality equality,
    List<Score> scores,
    @Nullable General general) {
  /** Name of the file. */
  public static final String FILE = "README.md";

  private static final Pattern HUB_MODEL = Pattern.compile("hf://([\\w.-]+/[\\w.-]+)/?");
  private static final Pattern HUB_DATA =
      Pattern.compile("hf://datasets/([\\w.-]+/[\\w.-]+)(?:/.*)?", Pattern.DOTALL);

  /** Copies the list. */
  public ModelCard {
    scores = List.copyOf(scores);
  }

  /**
   * A metric.
   *
   * @param before of the base model, if it was measured
   * @param low lower end of the 95 % interval of {@code after}, or null
   * @param high upper end, or null
   */
  public record Score(
      String name,
      @Nullable Double before,
      double after,
      @Nullable Double low,
      @Nullable Double high) {}

  /** The loss on general text, nats per token, of the base model and of the adapter. */
  public record General(double before, double after) {}

  /**
   * Returns the text; the same for equal results, so it holds no time, and of a run that is equal
   * to the bit not whether it was interrupted.
   */
  public String text() {
    StringBuilder text = new StringBuilder(4096);
    frontMatter(text);
    text.append("\n# ").append(spec.method()).append(" adapter for ").append(task());
    text.append("\n\nA low-rank adapter of ")
        .append(cell(spec.model().uri()))
        .append(", in the format of PEFT. The base model is not included.\n");
    results(text);
    use(text);
    data(text);
    hyperparameters(text);
    limits(text);
    provenance(text);
    return text.toString();
  }

  private void frontMatter(StringBuilder text) {
    text.append("---\nlibrary_name: peft\n");
    Optional<String> base = match(HUB_MODEL, spec.model().uri());
    base.ifPresent(id -> text.append("base_model: ").append(yaml(id)).append('\n'));
    List<String> tags = new ArrayList<>(List.of("lora", "transformers"));
    if (spec.quantization() != null) {
      tags.add("qlora");
    }
    base.ifPresent(id -> tags.add("base_model:adapter:" + id));
    list(text, "tags", tags);
    text.append("pipeline_tag: ").append(pipeline()).append('\n');
    List<String> datasets = new ArrayList<>();
    trainingUris().forEach(uri -> match(HUB_DATA, uri).ifPresent(datasets::add));
    list(text, "datasets", datasets.stream().distinct().toList());
    text.append("---\n");
  }

  private static void list(StringBuilder text, String name, List<String> values) {
    if (!values.isEmpty()) {
      text.append(name).append(":\n");
      values.forEach(value -> text.append("  - ").append(yaml(value)).append('\n'));
    }
  }

  private List<String> trainingUris() {
    Dataset dataset = spec.dataset();
    List<String> uris = new ArrayList<>(List.of(dataset.train()));
    if (dataset.mixture() != null) {
      dataset.mixture().forEach(source -> uris.add(source.uri()));
    }
    return uris;
  }

  private String task() {
    return switch (spec.task()) {
      case CAUSAL_LM -> "causal language modelling";
      case SEQUENCE_CLASSIFICATION -> "sequence classification";
      case TOKEN_CLASSIFICATION -> "token classification";
    };
  }

  private String pipeline() {
    return switch (spec.task()) {
      case CAUSAL_LM -> "text-generation";
      case SEQUENCE_CLASSIFICATION -> "text-classification";
      case TOKEN_CLASSIFICATION -> "token-classification";
    };
  }

  private void results(StringBuilder text) {
    heading(text, "Results");
    Double before = result.evalLossBefore();
    Double after = result.evalLossAfter();
    if (after == null && scores.isEmpty()) {
      text.append("No rows were held out, so nothing was measured on rows it has not seen.\n\n");
    } else {
      text.append("On held-out rows, which are not trained on:\n\n");
      text.append("| | before | after | 95 % interval |\n| --- | --- | --- | --- |\n");
      if (after != null) {
        row(text, "Held-out loss", optional(before), number(after), "");
        if (spec.task() == Task.CAUSAL_LM) {
          String perplexity = before == null ? "" : number(Math.exp(before));
          row(text, "Perplexity", perplexity, number(Math.exp(after)), "");
        }
      }
      for (Score score : scores) {
        Double low = score.low();
        Double high = score.high();
        String interval = low == null || high == null ? "" : number(low) + " to " + number(high);
        row(text, score.name(), optional(score.before()), number(score.after()), interval);
      }
      text.append('\n');
    }
    text.append("Training loss of the last step: ").append(number(result.loss()));
    text.append(spec.task() == Task.CAUSAL_LM ? ". Losses are nats per learned token.\n" : ".\n");
    text.append("What was measured step by step is in `report.html`.\n");
  }

  private void use(StringBuilder text) {
    heading(text, "How to load it");
    String base = match(HUB_MODEL, spec.model().uri()).orElse("path/to/base-model");
    String model =
        switch (spec.task()) {
          case CAUSAL_LM -> "AutoModelForCausalLM";
          case SEQUENCE_CLASSIFICATION -> "AutoModelForSequenceClassification";
          case TOKEN_CLASSIFICATION -> "AutoModelForTokenClassification";
        };
    text.append("```python\nfrom peft import PeftModel\n")
        .append("from transformers import ")
        .append(model)
        .append(", AutoTokenizer\n\n")
        .append("tokenizer = AutoTokenizer.from_pretrained(\"")
        .append(base)
        .append("\")\n")
        .append("base = ")
        .append(model)
        .append(".from_pretrained(\"")
        .append(base)
        .append('"')
        .append(revision())
        .append(labels())
        .append(")\nmodel = PeftModel.from_pretrained(base, \"path/to/this-adapter\")\n```\n");
  }

  private String revision() {
    String revision = spec.model().revision();
    return revision == null ? "" : ", revision=" + RunJson.writeLine(revision);
  }

  /** A classifier is loaded with as many labels as its head has. */
  private String labels() {
    return spec.task() == Task.CAUSAL_LM ? "" : ", num_labels=" + outputs;
  }

  private void data(StringBuilder text) {
    heading(text, "Data");
    text.append("| | |\n| --- | --- |\n");
    Dataset dataset = spec.dataset();
    row(text, "Training rows", dataset.train());
    if (dataset.mixture() != null) {
      dataset.mixture().forEach(source -> row(text, "Mixed in", source.uri()));
    }
    if (dataset.eval() != null) {
      row(text, "Held-out rows", dataset.eval());
    } else if (dataset.evalFraction() != null) {
      row(text, "Held-out rows", "a share of " + dataset.evalFraction() + " of the training rows");
    }
    row(text, "Format", RunJson.writeLine(spec.datasetFormat()).replace("\"", ""));
  }

  private void hyperparameters(StringBuilder text) {
    heading(text, "Hyperparameters");
    Training training = spec.training();
    Adapter adapter = spec.adapter();
    text.append("| | |\n| --- | --- |\n");
    row(text, "Optimizer steps", String.valueOf(result.steps()));
    if (result.adapterStep() != result.steps()) {
      row(text, "Step of the adapter", String.valueOf(result.adapterStep()));
    }
    row(text, "Global batch size", String.valueOf(training.globalBatchSize()));
    row(text, "Greatest length", training.maxLength() + " tokens");
    row(text, "Learning rate", String.valueOf(training.learningRate()));
    row(text, "Schedule", RunJson.writeLine(training.schedule()).replace("\"", ""));
    row(text, "Optimizer", RunJson.writeLine(training.optimizer()).replace("\"", ""));
    row(text, "Rank", String.valueOf(adapter.rank()));
    row(text, "Alpha", String.valueOf(adapter.alpha()));
    row(text, "Dropout", String.valueOf(adapter.dropout()));
    if (spec.quantization() != null) {
      String twice = spec.quantization().doubleQuantization() ? ", double quantization" : "";
      row(
          text,
          "Quantization of the base",
          spec.quantization().type() + ", blocks of " + spec.quantization().blockSize() + twice);
    }
    row(text, "Precision", record.precision());
    row(text, "Seed", String.valueOf(training.seed()));
  }

  private void limits(StringBuilder text) {
    heading(text, "Forgetting and limits");
    if (general == null) {
      text.append(
          "What the base model lost by this training was not measured: the job names no general"
              + " text. ");
    } else {
      text.append(
          String.format(
              Locale.ROOT,
              "The loss on general text, which was not trained on, went from %.4f to %.4f nats per"
                  + " token. ",
              general.before(),
              general.after()));
    }
    text.append(
        "The adapter has the licence terms, the biases and the gaps of its base model and of its"
            + " data; nobody has looked at its answers but whoever trained it.\n");
  }

  private void provenance(StringBuilder text) {
    heading(text, "Provenance");
    text.append("| | |\n| --- | --- |\n");
    record
        .sources()
        .forEach(
            (field, source) ->
                row(text, "`" + cell(field) + "`", source.uri() + " (" + source.digest() + ")"));
    record.versions().forEach((name, version) -> row(text, "Version of " + name, version));
    row(text, "Hash of the spec", record.specHash());
    row(text, "Equal to a run without interruptions", equality.text());
  }

  private static void heading(StringBuilder text, String title) {
    text.append("\n## ").append(title).append("\n\n");
  }

  private static void row(StringBuilder text, String name, String... values) {
    text.append("| ").append(name);
    for (String value : values) {
      text.append(" | ").append(cell(value));
    }
    text.append(" |\n");
  }

  /** Returns a text that stays in its cell and is no markup, whoever wrote it. */
  private static String cell(String value) {
    return MessageText.oneLine(value)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace("|", "\\|")
        .replace("[", "\\[")
        .replace("`", "\\`");
  }

  /** Returns a text as YAML, of which JSON is a part. */
  private static String yaml(String value) {
    return RunJson.writeLine(value);
  }

  private static Optional<String> match(Pattern pattern, String uri) {
    Matcher matcher = pattern.matcher(uri);
    return matcher.matches() ? Optional.of(matcher.group(1)) : Optional.empty();
  }

  private static String optional(@Nullable Double value) {
    return value == null ? "" : number(value);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }
}
