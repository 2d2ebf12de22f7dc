package dev.finetune.trainer.rows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.ColumnChunk;
import dev.hardwood.metadata.RowGroup;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqMap;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads the rows of a Parquet file: strings, numbers, truth values, lists, structs and maps become
 * the same things of JSON; dates, times and identifiers become text; bytes become text if they are
 * UTF-8.
 *
 * @see <a href="https://parquet.apache.org/docs/file-format/">Parquet file format</a>
 */
final class ParquetRows {
  private static final int MOST_DEPTH = 64;
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private final String file;
  private int row;
  private long bytesLeft;
  private int valuesLeft;

  private ParquetRows(String file) {
    this.file = file;
  }

  /**
   * Gives each row of a file to the sink.
   *
   * @throws UnreadableData if the file is missing, broken, compressed in an unknown way, or grows
   *     to more than it can honestly hold; or a row is too large
   */
  static void read(Path path, RowSink sink) {
    ParquetRows rows = new ParquetRows(path.toString());
    try {
      if (Files.size(path) == 0) {
        throw new UnreadableData(path + ": expected a Parquet file, found an empty one");
      }
      rows.readAll(path, sink);
    } catch (NoSuchFileException e) {
      throw new UnreadableData(path + ": file not found", e);
    } catch (IOException e) {
      throw rows.broken(e);
    }
  }

  private void readAll(Path path, RowSink sink) throws IOException {
    long size = Files.size(path);
    try (ParquetFileReader reader = opened(path)) {
      requireHonestSizes(reader, size);
      try (RowReader rows = parsed(reader::rowReader)) {
        while (parsed(rows::hasNext)) {
          ObjectNode object = parsed(() -> next(rows));
          sink.row(new Row(file, Row.Unit.ROW, row, object, Columns.AS_WRITTEN));
        }
      }
    }
  }

  private ParquetFileReader opened(Path path) throws IOException {
    InputFile input = parsed(() -> InputFile.of(path));
    try {
      return ParquetFileReader.open(input);
    } catch (RuntimeException e) {
      throw broken(e);
    }
  }

  /** What is read at once is as large as the file says, before a byte of it is there. */
  private void requireHonestSizes(ParquetFileReader reader, long fileSize) {
    long most =
        Math.addExact(
            Compression.FREE_BYTES, Math.multiplyExact(fileSize, Compression.MOST_GROWTH));
    long sum = 0;
    for (RowGroup group : reader.getFileMetaData().rowGroups()) {
      for (ColumnChunk chunk : group.columns()) {
        long bytes = chunk.metaData() == null ? -1 : chunk.metaData().totalUncompressedSize();
        if (bytes < 0 || bytes > most - sum) {
          throw new UnreadableData(
              "%s: must grow to at most %d times its size and %d MiB, says otherwise"
                  .formatted(file, Compression.MOST_GROWTH, Compression.FREE_BYTES >> 20));
        }
        sum += bytes;
      }
    }
  }

  /** The library meets broken files with whatever exception comes of them. */
  private <T> T parsed(Supplier<T> call) {
    try {
      return call.get();
    } catch (UnreadableData e) {
      throw e;
    } catch (RuntimeException e) {
      throw broken(e);
    }
  }

  private UnreadableData broken(Exception e) {
    String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    String place = row == 0 ? "" : " after row " + row;
    return new UnreadableData(file + ": broken Parquet" + place + ": " + reason, e);
  }

  private ObjectNode next(RowReader rows) {
    rows.next();
    row = Math.addExact(row, 1);
    bytesLeft = RowFile.MOST_ROW_BYTES;
    valuesLeft = RowFile.MOST_ROW_TOKENS;
    return object(rows, 0);
  }

  private ObjectNode object(StructAccessor struct, int depth) {
    ObjectNode object = NODES.objectNode();
    for (int i = 0; i < struct.getFieldCount(); i++) {
      JsonNode value = struct.isNull(i) ? NODES.nullNode() : value(struct.getValue(i), depth + 1);
      object.set(struct.getFieldName(i), value);
    }
    return object;
  }

  private JsonNode value(@Nullable Object value, int depth) {
    if (--valuesLeft < 0 || depth > MOST_DEPTH) {
      throw tooLarge("at most %d values, %d deep".formatted(RowFile.MOST_ROW_TOKENS, MOST_DEPTH));
    }
    return switch (value) {
      case null -> NODES.nullNode();
      case String text -> text(text);
      case Integer number -> NODES.numberNode(number);
      case Long number -> NODES.numberNode(number);
      case Float number -> NODES.numberNode(number);
      case Double number -> NODES.numberNode(number);
      case BigDecimal number -> NODES.numberNode(number);
      case Boolean truth -> NODES.booleanNode(truth);
      case byte[] bytes -> bytes(bytes);
      case PqStruct struct -> object(struct, depth);
      case PqList list -> list(list, depth);
      case PqMap map -> map(map, depth);
      default -> text(value.toString());
    };
  }

  private JsonNode list(PqList list, int depth) {
    ArrayNode array = NODES.arrayNode();
    for (int i = 0; i < list.size(); i++) {
      array.add(list.isNull(i) ? NODES.nullNode() : value(list.get(i), depth + 1));
    }
    return array;
  }

  private JsonNode map(PqMap map, int depth) {
    ObjectNode object = NODES.objectNode();
    for (PqMap.Entry entry : map.getEntries()) {
      JsonNode key = value(entry.getKey(), depth + 1);
      object.set(
          key.asText(),
          entry.isValueNull() ? NODES.nullNode() : value(entry.getValue(), depth + 1));
    }
    return object;
  }

  private JsonNode text(String text) {
    spend(text.length());
    return NODES.textNode(text);
  }

  private JsonNode bytes(byte[] bytes) {
    spend(bytes.length);
    try {
      return NODES.textNode(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException e) {
      return NODES.binaryNode(bytes);
    }
  }

  private void spend(int bytes) {
    bytesLeft -= bytes;
    if (bytesLeft < 0) {
      throw tooLarge("at most " + RowFile.MOST_ROW_BYTES + " bytes");
    }
  }

  private UnreadableData tooLarge(String bound) {
    return new UnreadableData("%s: row %d: must have %s, has more".formatted(file, row, bound));
  }
}
