package dev.finetune.trainer.rows;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.csv.CsvFactory;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads comma-separated values, whose first row names the columns. Fields may stand in double
 * quotes, and then hold commas, line breaks and doubled quotes; every field is text. Blank lines
 * are skipped. A row with more or fewer fields than the first is one broken row.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc4180">RFC 4180</a>
 */
final class CsvRows {
  private static final int MOST_COLUMNS = 10_000;

  private static final CsvFactory FACTORY =
      CsvFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(RowFile.MOST_ROW_BYTES)
                  .maxTokenCount(-1)
                  .build())
          .enable(CsvParser.Feature.SKIP_EMPTY_LINES)
          .build();

  private final String file;
  private final CsvParser parser;
  private final RowBudget budget;
  private int line = 1;

  private CsvRows(String file, CsvParser parser, RowBudget budget) {
    this.file = file;
    this.parser = parser;
    this.budget = budget;
  }

  static void read(String file, InputStream in, RowSink sink) throws IOException {
    RowBudget budget = new RowBudget(file, in);
    // Strict: other bytes than UTF-8 are an error and not a sign in their place.
    InputStreamReader text = new InputStreamReader(budget, StandardCharsets.UTF_8.newDecoder());
    try (CsvParser parser = FACTORY.createParser(text)) {
      new CsvRows(file, parser, budget).readAll(sink);
    }
  }

  private void readAll(RowSink sink) throws IOException {
    List<String> names = nextFields(MOST_COLUMNS);
    if (names == null) {
      return;
    }
    requireNames(names);
    for (List<String> fields = nextFields(names.size());
        fields != null;
        fields = nextFields(names.size())) {
      if (fields.size() != names.size()) {
        sink.broken(
            file,
            "line " + line,
            broken(
                "expected %d fields, as the first row has, found %s"
                    .formatted(
                        names.size(), fields.size() > names.size() ? "more" : fields.size())));
        continue;
      }
      ObjectNode object = JsonNodeFactory.instance.objectNode();
      for (int i = 0; i < names.size(); i++) {
        object.put(names.get(i), fields.get(i));
      }
      sink.row(new Row(file, line, object));
    }
  }

  private void requireNames(List<String> names) {
    if (names.size() > MOST_COLUMNS) {
      throw broken("the first row must name at most " + MOST_COLUMNS + " columns, names more");
    }
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < names.size(); i++) {
      if (names.get(i).isBlank()) {
        throw broken("the first row must name each column, but has no name at place " + (i + 1));
      }
      if (!seen.add(names.get(i))) {
        throw broken("the first row names column '%s' twice".formatted(names.get(i)));
      }
    }
  }

  /**
   * Returns the fields of the next row, or null at the end.
   *
   * @param most as many as it should have; of more, one is returned
   */
  private @Nullable List<String> nextFields(int most) throws IOException {
    try {
      if (parser.nextToken() == null) {
        return null;
      }
      // Of the row that begins: blank lines before it are read by now.
      line = parser.currentLocation().getLineNr();
      budget.renew(line);
      List<String> fields = new ArrayList<>();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        if (fields.size() <= most) {
          fields.add(parser.getText());
        }
      }
      return fields;
    } catch (JsonProcessingException e) {
      throw new UnreadableData(
          "%s: line %d: broken CSV: %s".formatted(file, line, e.getOriginalMessage()), e);
    } catch (CharacterCodingException e) {
      throw new UnreadableData(
          "%s: expected UTF-8, found other bytes soon after line %d".formatted(file, line), e);
    }
  }

  private UnreadableData broken(String message) {
    return new UnreadableData("%s: line %d: %s".formatted(file, line, message));
  }
}
