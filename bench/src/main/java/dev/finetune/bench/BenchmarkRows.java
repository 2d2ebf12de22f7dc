package dev.finetune.bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The examples of each step, the same on both sides: Alpaca rows in the chat template of SmolLM2,
 * labels on the answer and its end.
 *
 * <p>Natural batches take rows in the file's order and cut each. The others lay all rows end to end
 * and cut the stream into sequences, whatever rows they span.
 */
final class BenchmarkRows {
  // What the model's chat template makes of one question. Theirs renders the template itself; the
  // digests of both sides' token ids are compared.
  private static final String BEFORE_QUESTION =
      "<|im_start|>system\n"
          + "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
          + "<|im_start|>user\n";
  private static final String AFTER_QUESTION = "<|im_end|>\n<|im_start|>assistant\n";

  private BenchmarkRows() {}

  @JsonIgnoreProperties(ignoreUnknown = true)
  private record AlpacaRow(String instruction, @Nullable String input, String output) {
    String question() {
      return input == null || input.isEmpty() ? instruction : instruction + "\n\n" + input;
    }
  }

  /**
   * Returns the examples of each step.
   *
   * @param data a JSON list or JSON lines of Alpaca rows
   * @throws IllegalArgumentException if there are too few rows for these many steps
   */
  static List<List<Example>> steps(
      Path data, Tokenizer tokenizer, Configuration.Batch batch, int steps) throws IOException {
    int wanted = steps * batch.sequences();
    List<Example> sequences =
        batch.natural() ? natural(data, tokenizer, wanted) : stream(data, tokenizer, wanted);
    if (sequences.size() < wanted) {
      throw new IllegalArgumentException(
          "%s: expected rows for %d sequences, found %d".formatted(data, wanted, sequences.size()));
    }
    List<List<Example>> cut = new ArrayList<>();
    for (int step = 0; step < steps; step++) {
      int start = step * batch.sequences();
      cut.add(List.copyOf(sequences.subList(start, start + batch.sequences())));
    }
    return cut;
  }

  private static List<Example> natural(Path data, Tokenizer tokenizer, int wanted)
      throws IOException {
    List<Example> examples = new ArrayList<>();
    try (MappingIterator<AlpacaRow> rows = read(data)) {
      while (rows.hasNext() && examples.size() < wanted) {
        Example whole = encode(tokenizer, examples.size(), rows.next());
        int length = Math.min(Configuration.Batch.SEQUENCE, whole.inputIds().length);
        examples.add(part(examples.size(), whole.inputIds(), whole.labels(), 0, length));
      }
    }
    return examples;
  }

  private static List<Example> stream(Path data, Tokenizer tokenizer, int wanted)
      throws IOException {
    int length = Configuration.Batch.SEQUENCE;
    int[] ids = new int[wanted * length];
    int[] labels = new int[ids.length];
    int filled = 0;
    try (MappingIterator<AlpacaRow> rows = read(data)) {
      while (rows.hasNext() && filled < ids.length) {
        Example row = encode(tokenizer, 0, rows.next());
        int count = Math.min(row.inputIds().length, ids.length - filled);
        System.arraycopy(row.inputIds(), 0, ids, filled, count);
        System.arraycopy(row.labels(), 0, labels, filled, count);
        filled += count;
      }
    }
    List<Example> examples = new ArrayList<>();
    for (int start = 0; start + length <= filled; start += length) {
      examples.add(part(examples.size(), ids, labels, start, length));
    }
    return examples;
  }

  private static MappingIterator<AlpacaRow> read(Path data) throws IOException {
    return new JsonMapper().readerFor(AlpacaRow.class).readValues(data.toFile());
  }

  private static Example part(int index, int[] ids, int[] labels, int start, int length) {
    return new Example(
        index,
        Arrays.copyOfRange(ids, start, start + length),
        Arrays.copyOfRange(labels, start, start + length));
  }

  private static Example encode(Tokenizer tokenizer, int index, AlpacaRow row) {
    int[] prompt = tokenizer.encode(BEFORE_QUESTION + row.question() + AFTER_QUESTION);
    int[] answer = tokenizer.encode(row.output());
    int[] ids = Arrays.copyOf(prompt, prompt.length + answer.length + 1);
    System.arraycopy(answer, 0, ids, prompt.length, answer.length);
    ids[ids.length - 1] = tokenizer.eosId();
    int[] labels = ids.clone();
    Arrays.fill(labels, 0, prompt.length, Example.NOT_SUPERVISED);
    return new Example(index, ids, labels);
  }

  /**
   * Returns a digest of what is trained on and in which order: SHA-256, in hexadecimal, over each
   * sequence's length, ids and labels as 32-bit little-endian integers.
   */
  static String digest(List<List<Example>> steps) {
    MessageDigest sha256;
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    for (List<Example> step : steps) {
      for (Example example : step) {
        int length = example.inputIds().length;
        ByteBuffer bytes =
            ByteBuffer.allocate((1 + 2 * length) * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asIntBuffer().put(length).put(example.inputIds()).put(example.labels());
        sha256.update(bytes);
      }
    }
    return HexFormat.of().formatHex(sha256.digest());
  }
}
