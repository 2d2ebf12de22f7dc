package dev.finetune.trainer.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.luben.zstd.ZstdOutputStream;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.goldens.Goldens;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RowSourceTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  @Test
  void readsCsvWithQuotesLineBreaksAndSeparatorsInFieldsAndCountsLines() {
    List<Row> rows =
        rows(
            "a.csv",
            "\ufeffprompt,completion\r\nsay hi,hello\r\n\r\n"
                + "\"one\ntwo\",\"he said \"\"yes\"\", twice\"\n, \"\" \nlast,row");
    assertThat(rows).extracting(Row::line).containsExactly(2, 4, 6, 7);
    assertThat(rows)
        .extracting(row -> row.object().toString())
        .containsExactly(
            "{\"prompt\":\"say hi\",\"completion\":\"hello\"}",
            "{\"prompt\":\"one\\ntwo\",\"completion\":\"he said \\\"yes\\\", twice\"}",
            "{\"prompt\":\"\",\"completion\":\" \\\"\\\" \"}",
            "{\"prompt\":\"last\",\"completion\":\"row\"}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "a,b~1,2~3 | line 3: expected 2 fields, as the first row has, found 1",
        "a,b~1,2,3 | line 2: expected 2 fields, as the first row has, found more",
        "a,a~1,2 | line 1: the first row names column 'a' twice",
        "a,~1,2 | line 1: the first row must name each column, but has no name at place 2",
        "a~\"x~y~ | line 2: broken CSV: Missing closing quote",
        "a~\"x\"y~ | line 2: broken CSV",
      })
  void namesTheLineOfBrokenCsv(String content, String message) {
    assertThatThrownBy(() -> rows("a.csv", content.replace('~', '\n')))
        .isInstanceOf(UnreadableData.class)
        .hasMessageStartingWith(folder.resolve("a.csv") + ": ")
        .hasMessageContaining(message);
  }

  @Test
  void goesOnAfterARowOfCsvThatHasTooManyFieldsOrTooFew() {
    List<String> read = new ArrayList<>();
    RowSource.of(file("a.csv", "a,b\n1\n2,x\n3,x,y,z\n4,x\n"))
        .forEach(
            new RowSink() {
              @Override
              public void row(Row row) {
                read.add(row.requireText("a"));
              }

              @Override
              public void broken(String file, String place, UnreadableData problem) {
                read.add(place);
              }
            });
    assertThat(read).containsExactly("line 2", "2", "line 4", "4");
  }

  @Test
  void refusesCsvThatIsNotUtf8AndRowsThatNeverEnd() throws IOException {
    Path latin = folder.resolve("latin.csv");
    Files.write(latin, "text\nfine\ncaf\u00e9\n".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> RowSource.of(latin).forEach(each(row -> {})))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("latin.csv: expected UTF-8");
    Path open = folder.resolve("open.csv");
    byte[] endless = new byte[RowFile.MOST_ROW_BYTES + (1 << 18)];
    Arrays.fill(endless, (byte) 'a');
    System.arraycopy("t\n1\n\"".getBytes(StandardCharsets.UTF_8), 0, endless, 0, 5);
    Files.write(open, endless);
    assertThatThrownBy(() -> RowSource.of(open).forEach(each(row -> {})))
        .isInstanceOf(UnreadableData.class)
        .hasMessageMatching(".*open.csv: line [23]: .*");
  }

  @Test
  void readsTheParagraphsOfAText() {
    List<Row> rows =
        rows("book.txt", "\ufeff\n\nFirst line\r\nsecond line  \n\n \t\nNext\n\n\n  indented\nend");
    assertThat(rows).extracting(Row::line).containsExactly(3, 7, 10);
    assertThat(rows)
        .extracting(row -> row.requireText("text"))
        .containsExactly("First line\nsecond line  ", "Next", "  indented\nend");
  }

  @ParameterizedTest
  @ValueSource(strings = {"snappy", "zstd", "gzip", "none"})
  void readsParquetAsItsWriterDoes(String codec) throws IOException {
    List<JsonNode> expected = new ArrayList<>();
    for (String line : Files.readAllLines(Goldens.path("parquet/rows.jsonl"))) {
      expected.add(JSON.readTree(line));
    }
    List<Row> rows = new ArrayList<>();
    RowSource.of(Goldens.path("parquet/" + codec + ".parquet")).forEach(each(rows::add));
    assertThat(rows).extracting(row -> text(row.object())).isEqualTo(texts(expected));
    assertThat(rows.get(6).place()).isEqualTo("row 7");
    assertThat(rows.get(6).requireInts("input_ids")).containsExactly(0);
    assertThatThrownBy(() -> rows.get(3).requireText("text"))
        .hasMessageContaining(codec + ".parquet: row 4: field 'text' must be a string, was null");
  }

  @Test
  void refusesParquetOfAnUnknownCodecOrCutOff() throws IOException {
    assertThatThrownBy(
            () -> RowSource.of(Goldens.path("parquet/brotli.parquet")).forEach(each(row -> {})))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("brotli.parquet: broken Parquet");
    byte[] whole = Files.readAllBytes(Goldens.path("parquet/snappy.parquet"));
    for (int length : new int[] {0, 4, 100, whole.length / 2, whole.length - 1}) {
      Path cut = Files.write(folder.resolve("cut.parquet"), Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> RowSource.of(cut).forEach(each(row -> {})))
          .isInstanceOf(UnreadableData.class)
          .hasMessageStartingWith(cut + ": ");
    }
  }

  @Test
  void readsEveryTextCompressedToo() throws IOException {
    Map<String, String> texts =
        Map.of(
            "a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n",
            "a.json", "[{\"text\":\"a\"},\n{\"text\":\"b\"}]",
            "a.csv", "text\na\nb\n",
            "a.txt", "a\n\nb\n",
            "rows", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n");
    for (Map.Entry<String, String> text : texts.entrySet()) {
      byte[] bytes = text.getValue().getBytes(StandardCharsets.UTF_8);
      for (Path file :
          List.of(
              Files.write(folder.resolve(text.getKey()), bytes),
              gzip(text.getKey() + ".gz", bytes),
              zstd(text.getKey().toUpperCase(Locale.ROOT) + ".ZST", bytes))) {
        List<String> read = new ArrayList<>();
        RowSource.of(file).forEach(each(row -> read.add(row.requireText("text"))));
        assertThat(read).as(file.toString()).containsExactly("a", "b");
      }
    }
  }

  @Test
  void readsCompressedFilesThatWereLaidEndToEnd() throws IOException {
    byte[] a = "{\"text\":\"a\"}\n".getBytes(StandardCharsets.UTF_8);
    byte[] b = "{\"text\":\"b\"}\n".getBytes(StandardCharsets.UTF_8);
    for (String ending : List.of("gz", "zst")) {
      Path first = ending.equals("gz") ? gzip("1.gz", a) : zstd("1.zst", a);
      Path second = ending.equals("gz") ? gzip("2.gz", b) : zstd("2.zst", b);
      ByteArrayOutputStream both = new ByteArrayOutputStream();
      both.write(Files.readAllBytes(first));
      both.write(Files.readAllBytes(second));
      Path file = Files.write(folder.resolve("both.jsonl." + ending), both.toByteArray());
      List<Integer> lines = new ArrayList<>();
      RowSource.of(file).forEach(each(row -> lines.add(row.line())));
      assertThat(lines).containsExactly(1, 2);
    }
  }

  @Test
  void refusesCompressedFilesThatAreCutOrGrowWithoutMeasure() throws IOException {
    byte[] rows = "{\"text\":\"a\"}\n".repeat(1000).getBytes(StandardCharsets.UTF_8);
    for (Path whole : List.of(gzip("w.jsonl.gz", rows), zstd("w.jsonl.zst", rows))) {
      byte[] bytes = Files.readAllBytes(whole);
      Path cut = folder.resolve("cut-" + whole.getFileName());
      Files.write(cut, Arrays.copyOf(bytes, bytes.length - 9));
      assertThatThrownBy(() -> RowSource.of(cut).forEach(each(row -> {})))
          .isInstanceOf(UnreadableData.class)
          .hasMessageStartingWith(cut + ": could not be read: ");
    }
    Path bomb = folder.resolve("bomb.jsonl.zst");
    byte[] blank = new byte[1 << 20];
    Arrays.fill(blank, (byte) '\n');
    try (OutputStream out = new ZstdOutputStream(Files.newOutputStream(bomb))) {
      for (int i = 0; i < 80; i++) {
        out.write(blank);
      }
    }
    assertThatThrownBy(() -> RowSource.of(bomb).forEach(each(row -> {})))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("must grow to at most 250 times its size and 64 MiB");
  }

  @Test
  void refusesEndingsThatItDoesNotKnow() {
    assertThatThrownBy(() -> rows("a.xlsx", "x"))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("a.xlsx: a file of rows must end in .jsonl, ");
    assertThatThrownBy(() -> rows("a.parquet.gz", "x"))
        .hasMessageContaining("it must end in .parquet");
  }

  @Test
  void givesColumnsTheNamesOfTheFormat() {
    Columns columns =
        columns(DatasetFormat.ALPACA, Map.of("instruction", "question", "output", "instruction"));
    List<Row> rows = rows("a.csv", "question,instruction,input\nWhat?,That.,\n", columns);
    assertThat(rows.getFirst().requireText("instruction")).isEqualTo("What?");
    assertThat(rows.getFirst().requireText("output")).isEqualTo("That.");
    assertThat(rows.getFirst().textOrEmpty("input")).isEmpty();
  }

  @Test
  void saysWhichColumnsThereAreWhereOneIsMissing() {
    assertThatThrownBy(() -> rows("a.csv", "q,a\n1,2\n").getFirst().requireText("prompt"))
        .isInstanceOf(UnreadableData.class)
        .hasMessageEndingWith("a.csv: line 2: field 'prompt' is missing; the row has 'q', 'a'");
    Columns columns = columns(DatasetFormat.PROMPT_COMPLETION, Map.of("prompt", "question"));
    assertThatThrownBy(
            () ->
                new RowSource("rows", List.of(file("a.csv", "q,a\n1,2\n")), columns)
                    .forEach(each(row -> row.requireText("prompt"))))
        .hasMessageEndingWith(
            "line 2: field 'prompt' is missing, which spec.dataset.columns takes from column"
                + " 'question'; the row has 'q', 'a'");
  }

  @Test
  void refusesAMappedColumnThatNoRowHasThoughItIsOptional() {
    Columns columns = columns(DatasetFormat.ALPACA, Map.of("input", "contxt"));
    String row = "{\"instruction\":\"a\",\"context\":\"b\",\"output\":\"c\"}\n";
    assertThatThrownBy(() -> rows("a.jsonl", row, columns))
        .isInstanceOf(UnreadableData.class)
        .hasMessageEndingWith(
            "a.jsonl: spec.dataset.columns: expected column ['contxt'], but no row has it; the"
                + " first row has ['instruction', 'context', 'output']");
    assertThat(rows("b.jsonl", row + row.replace("context", "contxt"), columns)).hasSize(2);
  }

  @Test
  void refusesNamesThatTheFormatDoesNotHave() {
    assertThatThrownBy(() -> columns(DatasetFormat.TEXT, Map.of("txt", "content")))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.dataset.columns: must name columns of the format, which are text, found 'txt'");
  }

  private static RowSink each(Consumer<Row> rows) {
    return new RowSink() {
      @Override
      public void row(Row row) {
        rows.accept(row);
      }

      @Override
      public void broken(String file, String place, UnreadableData problem) {
        throw problem;
      }
    };
  }

  private static Columns columns(DatasetFormat format, Map<String, String> names) {
    return Columns.of("spec.dataset.columns", new TreeMap<>(names), format);
  }

  private List<Row> rows(String name, String content) {
    return rows(name, content, Columns.AS_WRITTEN);
  }

  private List<Row> rows(String name, String content, Columns columns) {
    List<Row> rows = new ArrayList<>();
    new RowSource(name, List.of(file(name, content)), columns).forEach(each(rows::add));
    return rows;
  }

  private Path file(String name, String content) {
    try {
      return Files.writeString(folder.resolve(name), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path gzip(String name, byte[] content) throws IOException {
    Path file = folder.resolve(name);
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      out.write(content);
    }
    return file;
  }

  private Path zstd(String name, byte[] content) throws IOException {
    Path file = folder.resolve(name);
    try (OutputStream out = new ZstdOutputStream(Files.newOutputStream(file))) {
      out.write(content);
    }
    return file;
  }

  private static List<String> texts(List<JsonNode> nodes) {
    return nodes.stream().map(RowSourceTest::text).toList();
  }

  /** Compares what is written, since a number of another Java type is no other number. */
  private static String text(JsonNode node) {
    return node.toString();
  }
}
