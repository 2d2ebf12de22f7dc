package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The training examples and how they are held out. */
@ValidationRule(
    value = "!(has(self.eval) && has(self.evalFraction))",
    message = EitherOr.EVAL,
    fieldPath = ".evalFraction")
@ValidationRule(
    value = "!has(self.packing) || !self.packing || has(self.format) && self.format == 'text'",
    message = EitherOr.PACKING,
    fieldPath = ".packing")
@ValidationRule(
    value = "!has(self.chatTemplate) || has(self.format) && self.format == 'chat'",
    message = EitherOr.CHAT_TEMPLATE,
    fieldPath = ".chatTemplate")
public record Dataset(
    @JsonPropertyDescription(
            "File of training rows, or several by a pattern with * in its last part: file:, s3:, hf://datasets/OWNER/NAME/PATH or, in a cluster, pvc://claim/path. JSONL, JSON, CSV, Parquet or text, plain or compressed (.gz, .zst).")
        @Required
        @Size(min = 1, max = 1024)
        @ValidationRule(value = "self.matches('" + Source.REGEX + "')", message = Source.MESSAGE)
        String train,
    @JsonPropertyDescription("File of held-out rows. Not together with evalFraction.")
        @Size(min = 1, max = 1024)
        @ValidationRule(value = "self.matches('" + Source.REGEX + "')", message = Source.MESSAGE)
        @Nullable String eval,
    @JsonPropertyDescription(
            "Share of the training rows to hold out, 0 to 0.5. Not together with eval.")
        @Min(0)
        @Max(0.5)
        @Nullable Double evalFraction,
    @JsonPropertyDescription(
            "How rows are read: alpaca, promptCompletion, text, tokens, chat, labeledText or labeledTokens. Default: alpaca, labeledText for SequenceClassification, labeledTokens for TokenClassification.")
        @Nullable DatasetFormat format,
    @JsonPropertyDescription("Further sources of training rows, mixed with those of train.")
        @Size(min = 1, max = 64)
        @Nullable List<DataSource> mixture,
    @JsonPropertyDescription(
            "Names of columns that differ: the name that the format has, to the name in the file.")
        @Size(max = 16)
        @Nullable Map<@Size(min = 1, max = 64) String, @Size(min = 1, max = 256) String> columns,
    @JsonPropertyDescription(
            "How the prompt of format alpaca is written: newline, space, bare or llamaFactory. Default newline.")
        @Nullable AlpacaPrompt alpacaPrompt,
    @JsonPropertyDescription(
            "Jinja template of format chat. Default: that of the model's tokenizer.")
        @Size(min = 1, max = 65536)
        @Nullable String chatTemplate,
    @JsonPropertyDescription(
            "Which tokens are learned, answers or all. Default answers; format text always learns all.")
        @Nullable LossOn lossOn,
    @JsonPropertyDescription(
            "Whether rows of format text are laid end to end and cut into windows of training.maxLength. Default false.")
        @Nullable Boolean packing,
    @JsonPropertyDescription("What is done about rows with a problem.")
        @Nullable OnProblem onProblem) {
  /** Copies lists and maps. */
  public Dataset {
    mixture = mixture == null ? null : List.copyOf(mixture);
    columns = Copies.sorted(columns);
  }

  /** Makes one that says no more than where the rows lie and how they are read. */
  public Dataset(
      String train,
      @Nullable String eval,
      @Nullable Double evalFraction,
      @Nullable DatasetFormat format) {
    this(train, eval, evalFraction, format, null, null, null, null, null, null, null);
  }

  /** Returns what is done about rows with a problem, with defaults filled in. */
  public OnProblem problems() {
    return onProblem == null ? OnProblem.defaults() : onProblem;
  }
}
