package dev.finetune.trainer.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.LabeledSubwords;
import dev.finetune.api.spec.ProblemType;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.tokenizer.SpecialTokensInText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows with labels. */
class LabeledRowsTest {
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
  void aTextIsItsTokensAndTheLabelsAreSortedOnceAllRowsAreRead() throws IOException {
    Labeling labeling = collecting(ProblemType.SINGLE_LABEL);
    List<Example> rows =
        examples(
            DatasetFormat.LABELED_TEXT,
            labeling,
            """
            {"text": "hello", "label": "spam"}
            {"text": "a", "text_pair": "b", "label": "ham"}
            {"text": "x", "label": "spam"}
            """);
    assertThat(rows.get(0).inputIds()).isEqualTo(tokenizer.encode("hello"));
    assertThat(rows.get(1).inputIds()).isEqualTo(tokenizer.encode("a\nb"));
    Labeling.Closed closed = labeling.close(rows, List.of());
    assertThat(labeling.names().names()).containsExactly("ham", "spam");
    assertThat(labels(closed.train())).containsExactly(1, 0, 1);
    assertThat(labeling.counts(closed.train())).containsExactly(1, 2);
    assertThat(rows.get(0).contentHash())
        .as("the label is a part of the content")
        .isNotEqualTo(new Example(0, rows.get(0).inputIds(), rows.get(1).target()).contentHash());
  }

  @Test
  void wholeNumbersAreSortedAsSuch() throws IOException {
    Labeling labeling = collecting(ProblemType.SINGLE_LABEL);
    List<Example> rows =
        examples(
            DatasetFormat.LABELED_TEXT,
            labeling,
            """
            {"text": "a", "label": 10}
            {"text": "b", "label": 9}
            {"text": "c", "label": "10"}
            """);
    assertThat(labels(labeling.close(rows, List.of()).train())).containsExactly(1, 0, 1);
    assertThat(labeling.names().names()).containsExactly("9", "10");
  }

  @Test
  void knownLabelsAreNamedOrNumbered() throws IOException {
    Labeling labeling = known(ProblemType.SINGLE_LABEL, LabeledSubwords.FIRST, "no", "yes");
    List<Example> rows =
        examples(
            DatasetFormat.LABELED_TEXT,
            labeling,
            """
            {"text": "a", "label": "yes"}
            {"text": "b", "label": 1}
            {"text": "c", "label": "0"}
            """);
    assertThat(labels(labeling.close(rows, List.of()).train())).containsExactly(1, 1, 0);
  }

  @Test
  void aTextMayHaveSeveralLabelsOrNone() throws IOException {
    Labeling labeling = collecting(ProblemType.MULTI_LABEL);
    List<Example> rows =
        examples(
            DatasetFormat.LABELED_TEXT,
            labeling,
            """
            {"text": "a", "labels": ["z"]}
            {"text": "b", "labels": []}
            {"text": "c", "labels": ["a", "z"]}
            """);
    List<Example> closed = labeling.close(rows, List.of()).train();
    assertThat(closed.stream().map(LabeledRowsTest::values))
        .containsExactly(new float[] {0, 1}, new float[] {0, 0}, new float[] {1, 1});
    assertThat(labeling.counts(closed)).containsExactly(1, 2);
  }

  @Test
  void aNumberIsItsOwnTarget() throws IOException {
    Labeling labeling = collecting(ProblemType.REGRESSION);
    List<Example> rows =
        examples(
            DatasetFormat.LABELED_TEXT,
            labeling,
            """
            {"text": "a", "label": 1.5}
            {"text": "b", "label": "-2"}
            """);
    assertThat(labeling.close(rows, List.of()).train().stream().map(LabeledRowsTest::values))
        .containsExactly(new float[] {1.5f}, new float[] {-2});
  }

  @Test
  void aHeldOutLabelThatNoTrainingRowHasIsAnError() throws IOException {
    Labeling labeling = collecting(ProblemType.SINGLE_LABEL);
    List<Example> heldOut =
        examples(DatasetFormat.LABELED_TEXT, labeling, "{\"text\": \"a\", \"label\": \"new\"}");
    List<Example> train =
        examples(DatasetFormat.LABELED_TEXT, labeling, "{\"text\": \"a\", \"label\": \"old\"}");
    assertThatThrownBy(() -> labeling.close(train, heldOut))
        .isInstanceOf(UnreadableData.class)
        .hasMessage("the held-out rows have the label 'new', which no training row has");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      delimiter = '|',
      value = {
        "SINGLE_LABEL|{'text': 'a'}|field 'label' is missing",
        "SINGLE_LABEL|{'text': 'a', 'label': 'x'}|field 'label': expected one of the labels no, yes, found 'x'",
        "SINGLE_LABEL|{'text': 'a', 'label': 2}|field 'label': expected one of the labels no, yes, found '2'",
        "SINGLE_LABEL|{'text': 'a', 'label': [1]}|field 'label' must be a name or an index, was a list",
        "SINGLE_LABEL|{'text': '', 'label': 1}|field 'text' must have at least one token",
        "MULTI_LABEL|{'text': 'a', 'labels': 'no'}|field 'labels' must be a list of labels, was a string",
        "REGRESSION|{'text': 'a', 'label': 'much'}|field 'label' must be a number, was a string",
      })
  void saysWhatIsWrongWithATextsLabel(ProblemType problem, String json, String message)
      throws IOException {
    Labeling labeling = known(problem, LabeledSubwords.FIRST, "no", "yes");
    List<ReadRow> rows = read(DatasetFormat.LABELED_TEXT, labeling, json.replace('\'', '"'));
    assertThat(rows.getFirst())
        .isInstanceOfSatisfying(
            ReadRow.Broken.class, broken -> assertThat(broken.problem()).contains(message));
  }

  @Test
  void wordsAreAlignedToSubwordsByTheirPlaces() throws IOException {
    String json =
        "{\"tokens\": [\"Alice\", \"unfathomably\", \"x\", \"🙂é\"], \"labels\": [\"A\", \"B\","
            + " -100, \"A\"]}";
    for (LabeledSubwords subwords : LabeledSubwords.values()) {
      Labeling labeling = known(ProblemType.SINGLE_LABEL, subwords, "A", "B");
      Example row = examples(DatasetFormat.LABELED_TOKENS, labeling, json).getFirst();
      assertThat(row.inputIds()).isEqualTo(tokenizer.encode("Alice unfathomably x 🙂é"));
      Target.OfTokens target = (Target.OfTokens) row.target();
      assertThat(target.words()).as("a space alone is of no word").contains(-1, 0, 1, 2, 3);
      int[] expected = {0, 1, Example.NOT_SUPERVISED, 0};
      for (int i = 0; i < target.words().length; i++) {
        boolean first = i == 0 || target.words()[i] != target.words()[i - 1];
        int label =
            target.words()[i] >= 0 && (first || subwords == LabeledSubwords.ALL)
                ? expected[target.words()[i]]
                : Example.NOT_SUPERVISED;
        assertThat(target.labels()[i]).as("token %d, %s", i, subwords).isEqualTo(label);
      }
      assertThat(Arrays.stream(target.words()).filter(word -> word == 1).count())
          .as("a word of several sub-words")
          .isGreaterThan(1);
      Example cut = row.truncated(3);
      assertThat(((Target.OfTokens) cut.target()).labels())
          .isEqualTo(Arrays.copyOf(target.labels(), 3));
    }
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      delimiter = '|',
      value = {
        "{'tokens': 'a b', 'labels': []}|field 'tokens' must be a list of words, was a string",
        "{'tokens': ['a', ' '], 'labels': ['A', 'A']}|field 'tokens'[1] must be a word, was a string",
        "{'tokens': ['a'], 'ner_tags': [0, 0]}|expected as many ner_tags as tokens, 1, found 2",
        "{'tokens': ['a'], 'labels': ['C']}|field 'labels': expected one of the labels A, B, found 'C'",
      })
  void saysWhatIsWrongWithLabelledWords(String json, String message) throws IOException {
    Labeling labeling = known(ProblemType.SINGLE_LABEL, LabeledSubwords.FIRST, "A", "B");
    List<ReadRow> rows = read(DatasetFormat.LABELED_TOKENS, labeling, json.replace('\'', '"'));
    assertThat(rows.getFirst())
        .isInstanceOfSatisfying(
            ReadRow.Broken.class, broken -> assertThat(broken.problem()).contains(message));
  }

  @Test
  void aQuestionIsReadAsRowsAre() throws IOException {
    Labeling labeling = known(ProblemType.SINGLE_LABEL, LabeledSubwords.FIRST, "A");
    Example row =
        examples(
                DatasetFormat.LABELED_TOKENS,
                labeling,
                "{\"tokens\": [\"Alice\", \"unfathomably\"], \"labels\": [0, 0]}")
            .getFirst();
    Question words = Question.ofWords(tokenizer, " Alice  unfathomably ");
    assertThat(words.ids()).isEqualTo(row.inputIds());
    int[] labels = ((Target.OfTokens) row.target()).labels();
    assertThat(words.places())
        .isEqualTo(
            IntStream.range(0, labels.length).filter(i -> labels[i] == 0).asLongStream().toArray());
    Question text = Question.ofText(tokenizer, "Alice was beginning").truncated(2);
    assertThat(text.places()).containsExactly(1);
    assertThat(text.ids()).hasSize(2);
  }

  private static int[] labels(List<Example> rows) {
    return rows.stream().mapToInt(row -> (int) values(row)[0]).toArray();
  }

  private static float[] values(Example row) {
    return ((Target.OfText) row.target()).values();
  }

  private static Labeling collecting(ProblemType problem) {
    return new Labeling(LabelNames.collecting(), problem, LabeledSubwords.FIRST);
  }

  private static Labeling known(ProblemType problem, LabeledSubwords subwords, String... names) {
    return new Labeling(LabelNames.known(List.of(names)), problem, subwords);
  }

  private List<Example> examples(DatasetFormat format, Labeling labeling, String json)
      throws IOException {
    return read(format, labeling, json).stream()
        .map(row -> ((ReadRow.Whole) row).example())
        .toList();
  }

  private List<ReadRow> read(DatasetFormat format, Labeling labeling, String json)
      throws IOException {
    Path file = Files.writeString(folder.resolve("rows.jsonl"), json);
    List<ReadRow> rows = new ArrayList<>();
    new ExampleReader(tokenizer, format, labeling).read(file, rows::add);
    return rows;
  }
}
