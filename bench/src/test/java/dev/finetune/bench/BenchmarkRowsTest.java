package dev.finetune.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.tokenizer.SpecialTokensInText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchmarkRowsTest {
  private static final Path TOKENIZER =
      Path.of("../trainer-image/src/test/resources/goldens/models/tiny-llama");
  private static final Path ROWS = Path.of("../examples/data/kubernetes-train.jsonl");
  private static final Path FEW = Path.of("../examples/data/kubernetes-eval.jsonl");
  private static final int X = Example.NOT_SUPERVISED;

  @Test
  void learnsTheAnswerAndItsEndOnly() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      Example first =
          BenchmarkRows.steps(ROWS, tokenizer, Configuration.Batch.NATURAL, 1)
              .getFirst()
              .getFirst();
      int[] labels = first.labels();
      int begin = 0;
      while (labels[begin] == X) {
        begin++;
      }
      int[] answer = Arrays.copyOfRange(first.inputIds(), begin, labels.length);
      assertThat(Arrays.copyOfRange(labels, begin, labels.length)).isEqualTo(answer);
      assertThat(answer[answer.length - 1]).isEqualTo(tokenizer.eosId());
      assertThat(tokenizer.decode(answer, true)).startsWith("A StatefulSet gives each pod");
    }
  }

  @Test
  void laysRowsEndToEndAndCutsThem() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      List<List<Example>> steps = BenchmarkRows.steps(ROWS, tokenizer, Configuration.Batch.FOUR, 3);
      assertThat(steps).hasSize(3).allSatisfy(step -> assertThat(step).hasSize(4));
      assertThat(steps.stream().flatMap(List::stream).map(e -> e.inputIds().length))
          .containsOnly(512);
      List<List<Example>> ones = BenchmarkRows.steps(ROWS, tokenizer, Configuration.Batch.ONE, 12);
      assertThat(BenchmarkRows.digest(ones)).isEqualTo(BenchmarkRows.digest(steps));
    }
  }

  @Test
  void readsAListAsItReadsLines(@TempDir Path folder) throws IOException {
    Path list = folder.resolve("rows.json");
    Files.writeString(list, "[" + String.join(",\n", Files.readAllLines(ROWS)) + "]");
    try (Tokenizer tokenizer = tokenizer()) {
      String lines = digest(ROWS, tokenizer);
      assertThat(digest(list, tokenizer)).isEqualTo(lines).isNotEqualTo(digest(FEW, tokenizer));
    }
  }

  @Test
  void saysThatThereAreTooFewRows() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      assertThatThrownBy(() -> BenchmarkRows.steps(FEW, tokenizer, Configuration.Batch.NATURAL, 11))
          .hasMessageContaining("expected rows for 44 sequences, found 40");
    }
  }

  /** The digest comes from {@code digest} of {@code peft/bench.py}. */
  @Test
  void digestsAsPeftsSideDoes() {
    List<List<Example>> steps =
        List.of(
            List.of(new Example(0, new int[] {5, 6, 7}, new int[] {X, 6, 7})),
            List.of(
                new Example(1, new int[] {1}, new int[] {1}),
                new Example(2, new int[] {2, 3}, new int[] {X, X})));
    assertThat(BenchmarkRows.digest(steps))
        .isEqualTo("b327759f4bac890a0a03abffec58ec74e8f185d2c8062c127c8bf0fa73a2c939");
  }

  private static String digest(Path data, Tokenizer tokenizer) throws IOException {
    return BenchmarkRows.digest(
        BenchmarkRows.steps(data, tokenizer, Configuration.Batch.NATURAL, 5));
  }

  private static Tokenizer tokenizer() {
    return Tokenizer.fromFolder(TOKENIZER, SpecialTokensInText.RECOGNIZED);
  }
}
