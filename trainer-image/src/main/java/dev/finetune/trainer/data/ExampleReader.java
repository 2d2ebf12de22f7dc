package dev.finetune.trainer.data;

import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.tokenizer.EncodedText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Turns rows of a file into token ids and labels.
 *
 * <p>A text is tokenized once as a whole; a token is learned if it begins at or after the start of
 * what is to be learned. BOS comes first where the tokenizer's configuration says so and is never
 * learned; EOS comes last and is, unless the row is cut before it: a row that is longer than the
 * greatest length loses its end, and no EOS is put in its place, as that would teach the model to
 * stop in the middle.
 */
public final class ExampleReader {
  private final Tokenizer tokenizer;
  private final DatasetFormat format;
  private final int maxLength;
  private final int vocabularySize;

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
    this.tokenizer = tokenizer;
    this.format = format;
    this.maxLength = maxLength;
    this.vocabularySize = vocabularySize;
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
      Example whole = example(rows, row);
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

  private Example example(int index, Row row) {
    return switch (format) {
      case ALPACA -> {
        String prompt = AlpacaPrompt.of(row.requireText("instruction"), row.textOrEmpty("input"));
        yield text(index, prompt, row.requireText("output"));
      }
      case PROMPT_COMPLETION ->
          text(index, row.requireText("prompt"), row.requireText("completion"));
      case TEXT -> text(index, "", row.requireText("text"));
      case TOKENS -> tokens(index, row);
    };
  }

  private Example text(int index, String prompt, String learned) {
    EncodedText encoded = tokenizer.encodeWithOffsets(prompt + learned);
    int bos = tokenizer.addsBos() ? 1 : 0;
    int length = encoded.ids().length;
    int[] ids = new int[bos + length + 1];
    int[] labels = new int[ids.length];
    if (bos == 1) {
      ids[0] = tokenizer.bosId().orElseThrow();
      labels[0] = Example.NOT_SUPERVISED;
    }
    System.arraycopy(encoded.ids(), 0, ids, bos, length);
    for (int i = 0; i < length; i++) {
      labels[bos + i] =
          encoded.starts()[i] >= prompt.length() ? encoded.ids()[i] : Example.NOT_SUPERVISED;
    }
    ids[bos + length] = tokenizer.eosId();
    labels[bos + length] = tokenizer.eosId();
    return new Example(index, ids, labels);
  }

  private Example tokens(int index, Row row) {
    int[] ids = row.requireInts("input_ids");
    int[] labels = row.requireInts("labels");
    if (ids.length != labels.length) {
      throw row.broken(
          "expected as many labels as input_ids, %d, found %d"
              .formatted(ids.length, labels.length));
    }
    requireVocabulary(row, "input_ids", ids, false);
    requireVocabulary(row, "labels", labels, true);
    return new Example(index, ids, labels);
  }

  private void requireVocabulary(Row row, String name, int[] ids, boolean labels) {
    for (int i = 0; i < ids.length; i++) {
      boolean unlearned = labels && ids[i] == Example.NOT_SUPERVISED;
      if (!unlearned && (ids[i] < 0 || ids[i] >= vocabularySize)) {
        throw row.broken(
            "field '%s'[%d] must be 0 to %d%s, was %d"
                .formatted(name, i, vocabularySize - 1, labels ? ", or -100" : "", ids[i]));
      }
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

  private String formatName() {
    return switch (format) {
      case ALPACA -> "alpaca";
      case PROMPT_COMPLETION -> "promptCompletion";
      case TEXT -> "text";
      case TOKENS -> "tokens";
    };
  }
}
