package dev.finetune.trainer.rows;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.JsonParserDelegate;
import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;

/**
 * Reads the rows of a text one after another: JSON lines, or one list of objects. Which of them it
 * is shows in the first character. No more than one row is in memory.
 */
final class JsonRows {
  private final String file;
  private final RowSink sink;

  private JsonRows(String file, RowSink sink) {
    this.file = file;
    this.sink = sink;
  }

  /**
   * Gives each row to the sink. Either line ending and blank lines are fine. A line that is not
   * JSON, or not UTF-8, is one broken row.
   *
   * @throws UnreadableData if nothing can be read from some row on, which is too long or, in a
   *     list, not JSON; names the line
   */
  static void read(String file, PushbackInputStream in, RowSink sink) throws IOException {
    JsonRows reader = new JsonRows(file, sink);
    int line = 1;
    int first = in.read();
    while (first == '\n' || first == '\r' || first == ' ' || first == '\t') {
      line += first == '\n' ? 1 : 0;
      first = in.read();
    }
    if (first < 0) {
      return;
    }
    in.unread(first);
    if (first == '[') {
      reader.readList(in, line);
    } else {
      new Utf8Lines(file, in).forEach(line, reader::readLine);
    }
  }

  private void readLine(int line, byte[] utf8) {
    Row row;
    try {
      String text = Utf8Lines.text(file, line, utf8);
      if (text.isBlank()) {
        return;
      }
      row = new Row(file, line, parse(line, text));
    } catch (UnreadableData e) {
      sink.broken(file, "line " + line, e);
      return;
    }
    sink.row(row);
  }

  private JsonNode parse(int line, String text) {
    try (RowParser parser = new RowParser(JsonFile.rows().createParser(text))) {
      parser.renew(line);
      JsonNode node = parser.readValueAsTree();
      if (parser.nextToken() != null) {
        throw new UnreadableData(
            "%s: line %d, column %d: expected one JSON object on a line, found more"
                .formatted(file, line, parser.currentTokenLocation().getColumnNr()));
      }
      return node;
    } catch (JsonProcessingException e) {
      throw broken(line, e);
    } catch (IOException e) {
      throw new UnreadableData(file + ": line " + line + ": " + e.getMessage(), e);
    }
  }

  private void readList(InputStream in, int firstLine) throws IOException {
    RowBudget budget = new RowBudget(file, in);
    try (RowParser parser = new RowParser(JsonFile.rows().createParser(budget))) {
      parser.nextToken();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        int line = firstLine - 1 + parser.currentTokenLocation().getLineNr();
        budget.renew(line);
        parser.renew(line);
        sink.row(new Row(file, line, parser.readValueAsTree()));
      }
      if (parser.nextToken() != null) {
        throw new UnreadableData(
            "%s: line %d: expected the end of the file after the list"
                .formatted(file, firstLine - 1 + parser.currentTokenLocation().getLineNr()));
      }
    } catch (JsonProcessingException e) {
      throw broken(firstLine, e);
    }
  }

  private UnreadableData broken(int firstLine, JsonProcessingException e) {
    int line = firstLine - 1 + (e.getLocation() == null ? 1 : e.getLocation().getLineNr());
    int column = e.getLocation() == null ? 1 : e.getLocation().getColumnNr();
    return new UnreadableData(
        "%s: line %d, column %d: broken JSON: %s"
            .formatted(file, line, column, e.getOriginalMessage()),
        e);
  }

  /**
   * Lets no row have more parts than fit in memory: one takes about 50 bytes, three of the file.
   */
  private final class RowParser extends JsonParserDelegate {
    private int line = 1;
    private int left = RowFile.MOST_ROW_TOKENS;

    RowParser(JsonParser parser) {
      super(parser);
    }

    void renew(int rowLine) {
      line = rowLine;
      left = RowFile.MOST_ROW_TOKENS;
    }

    @Override
    public JsonToken nextToken() throws IOException {
      if (--left < 0) {
        throw new UnreadableData(
            "%s: line %d: a row must have at most %d names and values, has more"
                .formatted(file, line, RowFile.MOST_ROW_TOKENS));
      }
      return super.nextToken();
    }
  }
}
