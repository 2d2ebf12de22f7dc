package dev.finetune.trainer.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.tokenizer.SpecialTokensInText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExampleReaderTest {
  private static final int EOS = 2;
  private static Tokenizer tokenizer;

  @TempDir private Path folder;

  @BeforeAll
  static void loadTokenizer() {
    tokenizer =
        Tokenizer.fromFolder(Goldens.path("models/tiny-llama"), SpecialTokensInText.RECOGNIZED);
  }

  @AfterAll
  static void closeTokenizer() {
    tokenizer.close();
  }

  @Test
  void learnsTheOutputOfAnAlpacaRow() {
    List<Example> rows =
        read(
            DatasetFormat.ALPACA,
            """
            {"instruction":"Add 2 and 3.","input":"","output":"5"}
            {"instruction":"Add.","input":"2, 3","output":"5"}
            {"instruction":"Add.","input":null,"output":"5","extra":[1]}
            """);
    String header =
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n";
    requirePromptAndAnswer(rows.get(0), header + "Add 2 and 3.\n\n### Response:\n", "5");
    requirePromptAndAnswer(
        rows.get(1),
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n2, 3\n\n### Response:\n",
        "5");
    requirePromptAndAnswer(rows.get(2), header + "Add.\n\n### Response:\n", "5");
  }

  @Test
  void tokenizesPromptAndCompletionAsOneTextAndLearnsWhatBeginsInTheCompletion() {
    List<Example> rows =
        read(
            DatasetFormat.PROMPT_COMPLETION,
            """
            {"prompt":"say h","completion":"ello 🙂"}
            {"prompt":"é🙂: ","completion":"🙂x"}
            """);
    Example first = rows.getFirst();
    int[] whole = tokenizer.encode("say hello 🙂");
    assertThat(first.inputIds()).isEqualTo(append(whole, EOS));
    Example second = rows.get(1);
    String learned =
        tokenizer.decode(
            Arrays.stream(second.labels()).filter(label -> label >= 0).toArray(), false);
    assertThat(learned).isEqualTo("🙂x<|im_end|>");
  }

  @Test
  void doesNotLearnATokenThatBeginsInThePrompt() {
    int[] whole = tokenizer.encode("the");
    assertThat(whole).hasSizeLessThan(3);
    List<Example> rows =
        read(DatasetFormat.PROMPT_COMPLETION, "{\"prompt\":\"th\",\"completion\":\"e\"}");
    Example example = rows.getFirst();
    assertThat(example.inputIds()).isEqualTo(append(whole, EOS));
    int[] labels = new int[whole.length + 1];
    Arrays.fill(labels, Example.NOT_SUPERVISED);
    labels[whole.length] = EOS;
    assertThat(example.labels()).isEqualTo(labels);
  }

  @Test
  void learnsAllOfAText() {
    List<Example> rows = read(DatasetFormat.TEXT, "{\"text\":\"Hello world\"}");
    Example example = rows.getFirst();
    assertThat(example.inputIds()).isEqualTo(append(tokenizer.encode("Hello world"), EOS));
    assertThat(example.labels()).isEqualTo(example.inputIds());
    assertThat(example.supervisedTokens()).isEqualTo(example.inputIds().length - 1);
  }

  @Test
  void recognizesSpecialTokensInTextAsTheReferenceDoes() {
    List<Example> rows = read(DatasetFormat.TEXT, "{\"text\":\"a<|im_end|>b\"}");
    assertThat(rows.getFirst().inputIds()).containsExactly(68, 2, 69, EOS);
  }

  @Test
  void putsAnUnlearnedBosFirstWhereTheTokenizerSaysSo() throws IOException {
    for (String name : new String[] {"tokenizer.json", "special_tokens_map.json"}) {
      Files.copy(Goldens.path("models/tiny-llama").resolve(name), folder.resolve(name));
    }
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"add_bos_token\":true}");
    try (Tokenizer withBos = Tokenizer.fromFolder(folder, SpecialTokensInText.RECOGNIZED)) {
      Path file = file("{\"text\":\"a\"}");
      List<Example> rows = whole(read(withBos, DatasetFormat.TEXT, file));
      assertThat(rows.getFirst().inputIds()).containsExactly(0, 68, EOS);
      assertThat(rows.getFirst().labels()).containsExactly(Example.NOT_SUPERVISED, 68, EOS);
      assertThat(rows.getFirst().supervisedTokens()).isEqualTo(2);
    }
  }

  @Test
  void takesTokensAsTheyAre() {
    List<Example> rows =
        read(
            DatasetFormat.TOKENS,
            """
            {"input_ids":[5,6,7],"labels":[-100,6,-100]}
            {"input_ids":[5,6,511],"labels":[5,-100,-100]}
            {"input_ids":[],"labels":[]}
            {"input_ids":[9,8],"labels":[9,8]}
            """);
    assertThat(rows).extracting(Example::index).containsExactly(0, 1, 2, 3);
    assertThat(rows).extracting(Example::supervisedTokens).containsExactly(1, 0, 0, 1);
    assertThat(rows.getFirst().labels()).containsExactly(-100, 6, -100);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"text\":\"a\"}\n{\"text\":\"b\"}",
        "{\"text\":\"a\"}\r\n\r\n  \t\r\n{\"text\":\"b\"}\r\n",
        "\ufeff{\"text\":\"a\"}\n\n{\"text\":\"b\"}\n\n",
        "[{\"text\":\"a\"},{\"text\":\"b\"}]",
        "\ufeff\r\n [\r\n{\"text\":\"a\"},\r\n{\"text\":\"b\"}\r\n]\r\n",
      })
  void readsLinesAndListsWithEitherLineEndingBlankLinesAndByteOrderMark(String content) {
    List<Example> rows = read(DatasetFormat.TEXT, content);
    assertThat(rows).hasSize(2);
    assertThat(rows.get(1).inputIds()).containsExactly(69, EOS);
    assertThat(rows).extracting(Example::index).containsExactly(0, 1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "ALPACA | {\"instruction\":\"a\",\"output\":\"b\"}~{\"instruction\":\"a\"} | line 2: field 'output' is missing",
        "ALPACA | {\"output\":\"b\"} | line 1: field 'instruction' is missing",
        "ALPACA | {\"instruction\":\"a\",\"output\":7} | line 1: field 'output' must be a string, was the integer 7",
        "ALPACA | {\"instruction\":\"a\",\"input\":[],\"output\":\"\"} | line 1: field 'input' must be a string, was a list",
        "PROMPT_COMPLETION | ~~{\"prompt\":\"a\"} | line 3: field 'completion' is missing",
        "PROMPT_COMPLETION | [{\"prompt\":\"a\",~\"completion\":\"b\"},~{\"prompt\":null}] | line 3: field 'prompt' must be a string, was null",
        "TEXT | {\"text\":\"a\"}~[1] | line 2: expected a JSON object, found a list",
        "TEXT | [{\"text\":\"a\"},~7] | line 2: expected a JSON object, found the integer 7",
        "TEXT | {\"text\":\"a\"}~{\"text\":\"b\"~{\"text\":\"c\"} | line 2, column 12: broken JSON",
        "TEXT | {\"text\":\"a\"}~{\"text\":x}  | line 2, column 9: broken JSON",
        "TEXT | [{\"text\":\"a\"},~{\"text\":x}] | line 2, column 9: broken JSON",
        "TEXT | [{\"text\":\"a\"} | broken JSON: Unexpected end-of-input",
        "TEXT | [{\"text\":\"a\"}] x | broken JSON",
        "TEXT | [{\"text\":\"a\"}]~[] | line 2: expected the end of the file after the list",
        "TEXT | {\"text\":\"a\"}{\"text\":\"b\"} | line 1, column 13: expected one JSON object on a line, found more",
        "TEXT | {\"text\":\"a\",\"text\":\"b\"} | broken JSON: Duplicate field 'text'",
        "TEXT | hello | line 1, column 1: broken JSON",
        "TOKENS | {\"input_ids\":[1,2],\"labels\":[1]} | line 1: expected as many labels as input_ids, 2, found 1",
        "TOKENS | {\"input_ids\":[1,512],\"labels\":[1,2]} | line 1: field 'input_ids'[1] must be 0 to 511, was 512",
        "TOKENS | {\"input_ids\":[1,-100],\"labels\":[1,2]} | line 1: field 'input_ids'[1] must be 0 to 511, was -100",
        "TOKENS | {\"input_ids\":[1,2],\"labels\":[1,-1]} | line 1: field 'labels'[1] must be 0 to 511, or -100, was -1",
        "TOKENS | {\"input_ids\":[1,2.5],\"labels\":[1,2]} | line 1: field 'input_ids'[1] must be a 32-bit integer, was the number 2.5",
        "TOKENS | {\"input_ids\":[1,99999999999],\"labels\":[1,2]} | line 1: field 'input_ids'[1] must be a 32-bit integer",
        "TOKENS | {\"input_ids\":\"1\",\"labels\":[1]} | line 1: field 'input_ids' must be a list of integers, was a string",
      })
  void namesTheLineAndTheField(DatasetFormat format, String content, String message) {
    Path file = file(content.replace('~', '\n'));
    assertThat(broken(read(tokenizer, format, file)).getLast().problem())
        .startsWith(file + ": ")
        .contains(message);
  }

  @Test
  void readsOnAfterABrokenLineAndStopsWhereAListBreaks() {
    String line = "{\"text\":\"a\"}";
    List<ReadRow> lines =
        read(tokenizer, DatasetFormat.TEXT, file(line + "\n{\"text\":\n{}\n" + line));
    assertThat(lines).extracting(row -> row.id().row()).containsExactly(0, 1, 2, 3);
    assertThat(broken(lines)).extracting(ReadRow.Broken::last).containsExactly(false, false);
    assertThat(whole(lines)).extracting(Example::index).containsExactly(0, 3);
    List<ReadRow> list =
        read(tokenizer, DatasetFormat.TEXT, file("[" + line + ",\n{},\n{\"text\":x},\n" + line));
    assertThat(broken(list)).extracting(ReadRow.Broken::last).containsExactly(false, true);
    assertThat(list).hasSize(3);
  }

  @Test
  void readsOnAfterBytesThatAreNotUtf8() throws IOException {
    Path file = folder.resolve("latin.jsonl");
    Files.write(
        file,
        "{\"text\":\"a\"}\n{\"text\":\"é\"}\n{\"text\":\"b\"}"
            .getBytes(StandardCharsets.ISO_8859_1));
    List<ReadRow> rows = read(tokenizer, DatasetFormat.TEXT, file);
    assertThat(rows.get(1))
        .isEqualTo(
            new ReadRow.Broken(
                new RowId(1, file.toString(), "line 2"), file + ": line 2: expected UTF-8", false));
    assertThat(whole(rows)).extracting(Example::index).containsExactly(0, 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "["})
  void refusesARowThatIsTooLong(String start) throws IOException {
    Path file = folder.resolve("long.jsonl");
    byte[] content = new byte[(16 << 20) + (1 << 18)];
    Arrays.fill(content, (byte) 'a');
    byte[] head = (start + "{\"text\":\"a\"},\n{\"text\":\"").getBytes(StandardCharsets.UTF_8);
    if (start.isEmpty()) {
      head = "{\"text\":\"a\"}\n{\"text\":\"".getBytes(StandardCharsets.UTF_8);
    }
    System.arraycopy(head, 0, content, 0, head.length);
    Files.write(file, content);
    ReadRow.Broken last = broken(read(tokenizer, DatasetFormat.TEXT, file)).getLast();
    assertThat(last.problem())
        .isEqualTo(file + ": line 2: a row must be at most 16777216 bytes, was longer");
    assertThat(last.last()).isTrue();
  }

  @Test
  void refusesAMissingFileAndAFolder() {
    ExampleReader reader = new ExampleReader(tokenizer, DatasetFormat.TEXT, 512);
    assertThatThrownBy(() -> reader.read(folder.resolve("gone.jsonl"), _ -> {}))
        .isInstanceOf(UnreadableData.class)
        .hasMessageEndingWith("gone.jsonl: file not found");
    assertThatThrownBy(() -> reader.read(folder, _ -> {}))
        .isInstanceOf(UnreadableData.class)
        .hasMessage(folder + ": expected a file, found a folder");
  }

  @Property(tries = 500, seed = "1")
  void saysOfEveryBrokenRowWhereItIs(
      @ForAll byte[] noise, @ForAll @IntRange(min = 0, max = 120) int place) throws IOException {
    String content =
        "[{\"input_ids\":[1,2],\"labels\":[1,2]},\n{\"input_ids\":[3,4,5],\"labels\":[3,-100,5]}]";
    byte[] bytes = content.substring(place % 2).getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < Math.min(noise.length, 3); i++) {
      bytes[(place + 7 * i) % bytes.length] = noise[i];
    }
    Path file = Files.write(Files.createTempFile("rows", ".json"), bytes);
    try (Tokenizer own =
        Tokenizer.fromFolder(Goldens.path("models/tiny-llama"), SpecialTokensInText.RECOGNIZED)) {
      assertThat(broken(read(own, DatasetFormat.TOKENS, file)))
          .allSatisfy(row -> assertThat(row.problem()).startsWith(file.toString()));
    } finally {
      Files.delete(file);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"%s", "[%s]"})
  void refusesARowOfMoreValuesThanFitInMemory(String form) {
    String row = "{\"text\": [" + "{},".repeat(2_200_000) + "1]}";
    assertThat(broken(read(tokenizer, DatasetFormat.TEXT, file(form.formatted(row)))))
        .extracting(ReadRow.Broken::problem)
        .singleElement()
        .asString()
        .endsWith("rows.jsonl: line 1: a row must have at most 4194304 names and values, has more");
  }

  private void requirePromptAndAnswer(Example example, String prompt, String answer) {
    assertThat(example.inputIds()).isEqualTo(append(tokenizer.encode(prompt + answer), EOS));
    int learned = tokenizer.encode(answer).length + 1;
    int[] labels = example.inputIds().clone();
    Arrays.fill(labels, 0, labels.length - learned, Example.NOT_SUPERVISED);
    assertThat(example.labels()).isEqualTo(labels);
  }

  private List<Example> read(DatasetFormat format, String content) {
    List<ReadRow> rows = read(tokenizer, format, file(content));
    assertThat(broken(rows)).isEmpty();
    return whole(rows);
  }

  private static List<ReadRow> read(Tokenizer tokenizer, DatasetFormat format, Path file) {
    List<ReadRow> rows = new ArrayList<>();
    int count = new ExampleReader(tokenizer, format, 512).read(file, rows::add);
    assertThat(rows).hasSize(count);
    return rows;
  }

  private static List<Example> whole(List<ReadRow> rows) {
    return rows.stream()
        .filter(ReadRow.Whole.class::isInstance)
        .map(row -> ((ReadRow.Whole) row).example())
        .toList();
  }

  private static List<ReadRow.Broken> broken(List<ReadRow> rows) {
    return rows.stream()
        .filter(ReadRow.Broken.class::isInstance)
        .map(ReadRow.Broken.class::cast)
        .toList();
  }

  private Path file(String content) {
    try {
      return Files.writeString(folder.resolve("rows.jsonl"), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int[] append(int[] ids, int last) {
    int[] longer = Arrays.copyOf(ids, ids.length + 1);
    longer[ids.length] = last;
    return longer;
  }
}
