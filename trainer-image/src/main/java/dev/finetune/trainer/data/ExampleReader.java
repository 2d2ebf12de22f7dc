package dev.finetune.trainer.data;

import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Turns rows of a file into token ids and labels.
 *
 * <p>A row that is longer than the greatest length loses its end, with its EOS, and no EOS is put
 * in its place, as that would teach the model to stop in the middle.
 */
public final class ExampleReader {
  private final DatasetFormat format;
  private final RowFormat rowFormat;
  private final int maxLength;

  /**
   * Makes a reader.
   *
   * @param tokenizer the base model's; stays the caller's
   * @param maxLength most tokens of an example, from 2
   * @param vocabularySize rows of the model's embedding; ids of format {@code tokens} are below it
   */
  public ExampleReader(
      Tokenizer tokenizer, DatasetFormat format, int maxLength, int vocabularySize) {
    if (maxLength < 2) {
      throw new IllegalArgumentException("maxLength must be at least 2, was " + maxLength);
    }
    this.format = format;
    this.rowFormat = rowFormat(new TextEncoder(tokenizer), format, vocabularySize);
    this.maxLength = maxLength;
  }

  /**
   * Reads a file of JSON lines or a JSON list. Rows of which no token is learned are dropped.
   *
   * @throws UnreadableData if the file is missing, a row is broken (names its line and field), or
   *     there is no row, or no row has a token to learn
   */
  public ExampleSet read(Path file) {
    Collector collector = new Collector();
    RowReader.read(file, collector::add);
    if (collector.rows == 0) {
      throw new UnreadableData(file + ": expected rows of format " + formatName() + ", found none");
    }
    if (collector.examples.isEmpty()) {
      throw new UnreadableData(
          "%s: expected a token to learn, found none in %d rows, of which %d were cut at maxLength %d"
              .formatted(file, collector.rows, collector.truncated, maxLength));
    }
    return new ExampleSet(collector.examples, collector.report());
  }

  /** Counts while rows come in. */
  private final class Collector {
    private final List<Example> examples = new ArrayList<>();
    private int rows;
    private int truncated;
    private long tokens;
    private long supervisedTokens;

    void add(Row row) {
      Example whole = rowFormat.example(rows, row);
      Example example = truncate(whole);
      rows++;
      if (example.inputIds().length < whole.inputIds().length) {
        truncated++;
      }
      int supervised = example.supervisedTokens();
      if (supervised > 0) {
        examples.add(example);
        tokens += example.inputIds().length;
        supervisedTokens += supervised;
      }
    }

    ReadReport report() {
      return new ReadReport(rows, truncated, rows - examples.size(), tokens, supervisedTokens);
    }
  }

  private Example truncate(Example example) {
    if (example.inputIds().length <= maxLength) {
      return example;
    }
    return new Example(
        example.index(),
        Arrays.copyOf(example.inputIds(), maxLength),
        Arrays.copyOf(example.labels(), maxLength));
  }

  private static RowFormat rowFormat(
      TextEncoder encoder, DatasetFormat format, int vocabularySize) {
    return switch (format) {
      case ALPACA ->
          (index, row) ->
              encoder.encode(
                  index,
                  AlpacaPrompt.of(row.requireText("instruction"), row.textOrEmpty("input")),
                  row.requireText("output"));
      case PROMPT_COMPLETION ->
          (index, row) ->
              encoder.encode(index, row.requireText("prompt"), row.requireText("completion"));
      case TEXT -> (index, row) -> encoder.encode(index, "", row.requireText("text"));
      case TOKENS -> new TokenIds(vocabularySize);
      case CHAT, LABELED_TEXT, LABELED_TOKENS ->
          throw new InvalidConfiguration("spec.dataset.format: not supported, was " + format);
    };
  }

  private String formatName() {
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
