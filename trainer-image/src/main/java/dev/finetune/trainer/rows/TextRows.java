package dev.finetune.trainer.rows;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.InputStream;

/**
 * Reads the paragraphs of a text as rows with a field {@code text}: lines that are not blank, with
 * line feeds between them, up to a blank line or the end.
 */
final class TextRows {
  private final String file;
  private final RowSink sink;
  private final StringBuilder paragraph = new StringBuilder();
  private int begin;

  private TextRows(String file, RowSink sink) {
    this.file = file;
    this.sink = sink;
  }

  static void read(String file, InputStream in, RowSink sink) throws IOException {
    TextRows rows = new TextRows(file, sink);
    new Utf8Lines(file, in).forEach(1, rows::line);
    rows.end();
  }

  private void line(int line, byte[] utf8) {
    String text = Utf8Lines.text(file, line, utf8);
    String bare = text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
    if (bare.isBlank()) {
      end();
      return;
    }
    if (paragraph.isEmpty()) {
      begin = line;
    } else {
      paragraph.append('\n');
    }
    if (paragraph.length() + bare.length() > RowFile.MOST_ROW_BYTES) {
      throw RowFile.tooLong(file, begin);
    }
    paragraph.append(bare);
  }

  private void end() {
    if (!paragraph.isEmpty()) {
      String text = paragraph.toString();
      paragraph.setLength(0);
      sink.row(new Row(file, begin, JsonNodeFactory.instance.objectNode().put("text", text)));
    }
  }
}
