package dev.finetune.trainer.rows;

import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Reads a file of rows by the ending of its name:
 *
 * <ul>
 *   <li>{@code .jsonl}, {@code .ndjson}, {@code .json} or none: JSON, an object on each line or one
 *       list of objects, whichever the first character shows;
 *   <li>{@code .csv}: comma-separated, the first row names the columns;
 *   <li>{@code .parquet};
 *   <li>{@code .txt}: paragraphs, with blank lines between them.
 * </ul>
 *
 * All but Parquet may be compressed: a further {@code .gz} or {@code .zst}.
 */
final class RowFile {
  /** Most bytes of one row. */
  static final int MOST_ROW_BYTES = 16 << 20;

  /** Most names, values, and begins and ends of lists and objects of one row. */
  static final int MOST_ROW_TOKENS = 1 << 22;

  private static final int[] BYTE_ORDER_MARK = {0xef, 0xbb, 0xbf};

  private RowFile() {}

  /** How rows are laid out in a file. */
  private enum Layout {
    JSON,
    CSV,
    TEXT,
    PARQUET
  }

  /**
   * Gives each row of a file to the sink.
   *
   * @throws UnreadableData if the file is missing or of no known kind, or nothing can be read from
   *     some row on; names file and line
   */
  static void read(Path path, RowSink sink) {
    if (Files.isDirectory(path)) {
      throw new UnreadableData(path + ": expected a file, found a folder");
    }
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    Compression compression = Compression.of(name);
    Layout layout = layout(path, compression.bare(name));
    if (layout == Layout.PARQUET) {
      if (compression != Compression.NONE) {
        throw new UnreadableData(
            path + ": a Parquet file is compressed inside; it must end in .parquet");
      }
      ParquetRows.read(path, sink);
      return;
    }
    try (InputStream file = Files.newInputStream(path);
        InputStream plain = compression.open(path, file);
        PushbackInputStream in = new PushbackInputStream(plain, BYTE_ORDER_MARK.length)) {
      skipByteOrderMark(in);
      switch (layout) {
        case JSON -> JsonRows.read(path.toString(), in, sink);
        case CSV -> CsvRows.read(path.toString(), in, sink);
        case TEXT -> TextRows.read(path.toString(), in, sink);
        case PARQUET -> throw new IllegalStateException("read above");
      }
    } catch (NoSuchFileException e) {
      throw new UnreadableData(path + ": file not found", e);
    } catch (IOException e) {
      throw new UnreadableData(path + ": could not be read: " + e.getMessage(), e);
    }
  }

  private static Layout layout(Path path, String name) {
    int dot = name.lastIndexOf('.');
    return switch (dot < 0 ? "" : name.substring(dot + 1)) {
      case "", "json", "jsonl", "ndjson" -> Layout.JSON;
      case "csv" -> Layout.CSV;
      case "txt" -> Layout.TEXT;
      case "parquet" -> Layout.PARQUET;
      default ->
          throw new UnreadableData(
              path
                  + ": a file of rows must end in .jsonl, .ndjson, .json, .csv, .txt or .parquet,"
                  + " perhaps with .gz or .zst after it");
    };
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

  /** Returns the failure for a row that is too long. */
  static UnreadableData tooLong(String file, int line) {
    return new UnreadableData(
        "%s: line %d: a row must be at most %d bytes, was longer"
            .formatted(file, line, MOST_ROW_BYTES));
  }
}
