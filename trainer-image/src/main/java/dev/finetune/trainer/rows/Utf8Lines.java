package dev.finetune.trainer.rows;

import dev.finetune.trainer.failure.UnreadableData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Lines of a text, which end with a line feed or with the text.
 *
 * @param file what to call it in messages
 * @param in the text; stays the caller's
 */
record Utf8Lines(String file, InputStream in) {
  /** Takes a line without its line feed, and its number. */
  interface Sink {
    void line(int line, byte[] utf8);
  }

  /**
   * Gives each line to the sink.
   *
   * @param first number of the first line
   * @throws UnreadableData if a line is too long
   */
  void forEach(int first, Sink sink) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int line = first;
    int next;
    do {
      next = in.read();
      if (next >= 0 && next != '\n') {
        if (bytes.size() == RowFile.MOST_ROW_BYTES) {
          throw RowFile.tooLong(file, line);
        }
        bytes.write(next);
        continue;
      }
      sink.line(line, bytes.toByteArray());
      bytes.reset();
      line++;
    } while (next >= 0);
  }

  /**
   * Returns the text of a line.
   *
   * @throws UnreadableData if it is not UTF-8
   */
  static String text(String file, int line, byte[] utf8) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      throw new UnreadableData(file + ": line " + line + ": expected UTF-8", e);
    }
  }
}
