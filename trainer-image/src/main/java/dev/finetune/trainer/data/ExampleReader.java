package dev.finetune.trainer.data;

import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.LossOn;
import dev.finetune.trainer.chat.ChatEncoder;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.rows.Row;
import dev.finetune.trainer.rows.RowSink;
import dev.finetune.trainer.rows.RowSource;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Turns rows of a file into token ids and labels, one after another: none is kept. What is done
 * about a row with a problem is decided by who takes the rows.
 */
public final class ExampleReader {
  private final DatasetFormat format;
  private final RowFormat rowFormat;
  private final @Nullable Labeling labeling;

  /**
   * Makes a reader.
   *
   * @param tokenizer the base model's; stays the caller's
   * @param vocabularySize rows of the model's embedding; ids of format {@code tokens} are below it
   * @throws InvalidConfiguration if the format is not supported
   */
  public ExampleReader(Tokenizer tokenizer, DatasetFormat format, int vocabularySize) {
    this(tokenizer, RowRules.of(format), vocabularySize);
  }

  /**
   * Makes a reader that does as a job says.
   *
   * @param tokenizer the base model's; stays the caller's
   * @param vocabularySize rows of the model's embedding; ids of format {@code tokens} are below it
   * @throws InvalidConfiguration if the format is not supported, or is chat and there is no chat
   *     template
   */
  public ExampleReader(Tokenizer tokenizer, RowRules rules, int vocabularySize) {
    this.format = rules.format();
    this.rowFormat = rowFormat(tokenizer, rules, vocabularySize);
    this.labeling = null;
  }

  /**
   * Makes a reader of rows with labels.
   *
   * @param labeling how labels become targets
   * @throws InvalidConfiguration if the format has none
   */
  public ExampleReader(Tokenizer tokenizer, DatasetFormat format, Labeling labeling) {
    this.format = format;
    this.labeling = labeling;
    this.rowFormat =
        switch (format) {
          case LABELED_TEXT -> new LabeledText(tokenizer, labeling);
          case LABELED_TOKENS -> new LabeledTokens(tokenizer, labeling);
          case ALPACA, PROMPT_COMPLETION, TEXT, TOKENS, CHAT ->
              throw new InvalidConfiguration(
                  "spec.dataset.format: must be labeledText or labeledTokens for a classifier, was "
                      + name(format));
        };
  }

  /** Returns how rows are read. */
  public DatasetFormat format() {
    return format;
  }

  /** Reads the rows of one file, with the names that it has, numbered from 0. */
  public int read(Path file, Consumer<ReadRow> sink) {
    return read(RowSource.of(file), 0, sink);
  }

  /**
   * Gives every row to the sink, in the order of the files. A row that cannot be read is given too,
   * and where none that follows it can, it is the last.
   *
   * @param firstRow number of the first row, so that rows of several sources have different ones
   * @return the number of rows, broken ones too
   * @throws UnreadableData if a file is missing
   */
  public int read(RowSource source, int firstRow, Consumer<ReadRow> sink) {
    for (Path file : source.files()) {
      if (!Files.exists(file)) {
        throw new UnreadableData(file + ": file not found");
      }
      if (Files.isDirectory(file)) {
        throw new UnreadableData(file + ": expected a file, found a folder");
      }
    }
    Encoder encoder = new Encoder(source.files().getFirst().toString(), firstRow, sink);
    try {
      source.forEach(encoder);
    } catch (UnreadableData e) {
      encoder.last(e);
    }
    return encoder.row - firstRow;
  }

  /** Counts rows and makes examples of them. */
  private final class Encoder implements RowSink {
    private final Consumer<ReadRow> sink;
    private int row;
    private String newestFile;
    private String newest = "line 1";

    Encoder(String file, int firstRow, Consumer<ReadRow> sink) {
      this.newestFile = file;
      this.row = firstRow;
      this.sink = sink;
    }

    @Override
    public void row(Row read) {
      Example example;
      try {
        example = rowFormat.example(row, read);
      } catch (UnreadableData e) {
        broken(read.file(), read.place(), e);
        return;
      }
      sink.accept(new ReadRow.Whole(next(read.file(), read.place()), example, labels(example)));
    }

    @Override
    public void broken(String file, String place, UnreadableData problem) {
      sink.accept(new ReadRow.Broken(next(file, place), placed(file, place, problem), false));
    }

    /** The line is in the message: where the reader gave up is not where the row began. */
    void last(UnreadableData problem) {
      sink.accept(new ReadRow.Broken(next(newestFile, newest), message(problem), true));
    }

    private RowId next(String file, String place) {
      newestFile = file;
      newest = place;
      RowId id = new RowId(row, file, place);
      row = Math.addExact(row, 1);
      return id;
    }
  }

  /**
   * Returns the names of the labels that a head is to predict of an example that this has read; of
   * words one for each token that has one, none for language modelling and regression.
   */
  public List<String> labels(Example example) {
    return labeling == null ? List.of() : labeling.names(example);
  }

  /** What a tokenizer says of a text does not name the row. */
  private static String placed(String file, String place, UnreadableData problem) {
    String message = message(problem);
    return message.startsWith(file) ? message : "%s: %s: %s".formatted(file, place, message);
  }

  private static String message(UnreadableData problem) {
    return String.valueOf(problem.getMessage());
  }

  private static RowFormat rowFormat(Tokenizer tokenizer, RowRules rules, int vocabularySize) {
    boolean all = rules.lossOn() == LossOn.ALL;
    return switch (rules.format()) {
      case ALPACA -> alpaca(tokenizer, rules, all);
      case PROMPT_COMPLETION -> {
        TextEncoder encoder = new TextEncoder(tokenizer, "", all, false);
        yield (index, row) ->
            encoder.encode(index, row.requireText("prompt"), row.requireText("completion"));
      }
      case TEXT -> {
        TextEncoder encoder = new TextEncoder(tokenizer);
        yield (index, row) -> encoder.encode(index, "", row.requireText("text"));
      }
      case TOKENS -> new TokenIds(vocabularySize);
      case CHAT ->
          new ChatRows(new ChatEncoder(rules.template(tokenizer), tokenizer, rules.lossOn()));
      case LABELED_TEXT, LABELED_TOKENS ->
          throw new InvalidConfiguration(
              "spec.dataset.format: %s is for tasks of classification"
                  .formatted(name(rules.format())));
    };
  }

  private static RowFormat alpaca(Tokenizer tokenizer, RowRules rules, boolean all) {
    TextEncoder encoder =
        new TextEncoder(
            tokenizer,
            AlpacaPrompt.afterEos(rules.alpacaPrompt()),
            all,
            AlpacaPrompt.endsInBlank(rules.alpacaPrompt()));
    return (index, row) ->
        encoder.encode(
            index,
            AlpacaPrompt.of(
                rules.alpacaPrompt(), row.requireText("instruction"), row.textOrEmpty("input")),
            row.requireText("output"));
  }

  /** Returns what a job calls a format. */
  public static String name(DatasetFormat format) {
    return switch (format) {
      case ALPACA -> "alpaca";
      case PROMPT_COMPLETION -> "promptCompletion";
      case TEXT -> "text";
      case TOKENS -> "tokens";
      case CHAT -> "chat";
      case LABELED_TEXT -> "labeledText";
      case LABELED_TOKENS -> "labeledTokens";
    };
  }
}
