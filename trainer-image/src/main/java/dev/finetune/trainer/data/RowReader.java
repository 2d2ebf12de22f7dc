package dev.finetune.trainer.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.JsonParserDelegate;
import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFile;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Reads the rows of a file one after another: JSON lines, or one list of objects. Which of them it
 * is shows in the first character. No more than one row is in memory.
 */
final class RowReader {
  /** Most bytes of one row. */
  static final int MOST_ROW_BYTES = 16 << 20;

  /** Most names, values, and begins and ends of lists and objects of one row. */
  static final int MOST_ROW_TOKENS = 1 << 22;

  private static final int[] BYTE_ORDER_MARK = {0xef, 0xbb, 0xbf};

  private final String file;
  private final RowSink sink;

  private RowReader(String file, RowSink sink) {
    this.file = file;
    this.sink = sink;
  }

  /**
   * Gives each row of a file to the sink. A byte order mark, either line ending and blank lines are
   * fine. A line that is not JSON, or not UTF-8, is one broken row.
   *
   * @throws UnreadableData if the file is missing, or nothing can be read from some row on, which
   *     is too long or, in a list, not JSON; names the line
   */
  static void read(Path path, RowSink sink) {
    if (Files.isDirectory(path)) {
      throw new UnreadableData(path + ": expected a file, found a folder");
    }
    try (PushbackInputStream in =
        new PushbackInputStream(new BufferedInputStream(Files.newInputStream(path), 1 << 16), 3)) {
      skipByteOrderMark(in);
      RowReader reader = new RowReader(path.toString(), sink);
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
        reader.readLines(in, line);
      }
    } catch (NoSuchFileException e) {
      throw new UnreadableData(path + ": file not found", e);
    } catch (IOException e) {
      throw new UnreadableData(path + ": could not be read: " + e.getMessage(), e);
    }
  }

  private static void skipByteOrderMark(PushbackInputStream in) throws IOException {
    byte[] start = in.readNBytes(BYTE_ORDER_MARK.length);
    for (int i = 0; i < BYTE_ORDER_MARK.length; i++) {
      if (start.length <= i || (start[i] & 0xff) != BYTE_ORDER_MARK[i]) {
        in.unread(start);
        return;
      }
    }
  }

  private void readLines(InputStream in, int firstLine) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int line = firstLine;
    int next;
    do {
      next = in.read();
      if (next >= 0 && next != '\n') {
        if (bytes.size() == MOST_ROW_BYTES) {
          throw tooLong(line);
        }
        bytes.write(next);
        continue;
      }
      line(line, bytes.toByteArray());
      bytes.reset();
      line++;
    } while (next >= 0);
  }

  private void line(int line, byte[] utf8) {
    Row row;
    try {
      String text = text(line, utf8);
      if (text.isBlank()) {
        return;
      }
      row = new Row(file, line, parse(line, text));
    } catch (UnreadableData e) {
      sink.broken(file, line, e);
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
    RowBudget budget = new RowBudget(in);
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

  private UnreadableData tooLong(int line) {
    return new UnreadableData(
        "%s: line %d: a row must be at most %d bytes, was longer"
            .formatted(file, line, MOST_ROW_BYTES));
  }

  private String text(int line, byte[] utf8) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      throw new UnreadableData(file + ": line " + line + ": expected UTF-8", e);
    }
  }

  /**
   * Lets no row have more parts than fit in memory: one takes about 50 bytes, three of the file.
   */
  private final class RowParser extends JsonParserDelegate {
    private int line = 1;
    private int left = MOST_ROW_TOKENS;

    RowParser(JsonParser parser) {
      super(parser);
    }

    void renew(int rowLine) {
      line = rowLine;
      left = MOST_ROW_TOKENS;
    }

    @Override
    public JsonToken nextToken() throws IOException {
      if (--left < 0) {
        throw new UnreadableData(
            "%s: line %d: a row must have at most %d names and values, has more"
                .formatted(file, line, MOST_ROW_TOKENS));
      }
      return super.nextToken();
    }
  }

  /** Lets a parser read no more than one row's bytes before the next row begins. */
  private final class RowBudget extends InputStream {
    /** The parser reads ahead by one buffer. */
    private static final int READ_AHEAD = 1 << 16;

    private final InputStream in;
    private int line = 1;
    private int left = MOST_ROW_BYTES + READ_AHEAD;

    RowBudget(InputStream in) {
      this.in = in;
    }

    void renew(int rowLine) {
      line = rowLine;
      left = MOST_ROW_BYTES + READ_AHEAD;
    }

    @Override
    public int read() throws IOException {
      int value = in.read();
      spend(value < 0 ? 0 : 1);
      return value;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int count = in.read(target, offset, length);
      spend(Math.max(0, count));
      return count;
    }

    private void spend(int count) {
      left -= count;
      if (left < 0) {
        throw tooLong(line);
      }
    }
  }
}
