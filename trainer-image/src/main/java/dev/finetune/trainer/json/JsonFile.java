package dev.finetune.trainer.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Reads JSON that the user or a stranger wrote. Depth, sizes and lengths are bounded, a name that
 * appears twice in one object is an error, and so is anything after the value.
 */
public final class JsonFile {
  /** Most bytes of a file of settings. */
  public static final long SETTINGS_BYTES = 4L << 20;

  private static final int MOST_DEPTH = 64;
  private static final int MOST_DIGITS = 100;
  private static final int MOST_STRING = 64 << 20;
  private static final int MOST_NAME = 1 << 16;

  /**
   * Names, values, and begins and ends of lists and objects of one document: what it takes in
   * memory, about 50 bytes each. The largest published tokenizers have 3 million.
   */
  private static final long MOST_TOKENS = 1 << 23;

  private static final ObjectMapper MAPPER = mapper(MOST_TOKENS);

  // The rows of a data set are one document, which has no end that is known.
  private static final JsonFactory ROWS = mapper(Long.MAX_VALUE).getFactory();
  private static final ObjectReader WHOLE =
      MAPPER.reader().with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private JsonFile() {}

  private static ObjectMapper mapper(long mostTokens) {
    return JsonMapper.builder(
            JsonFactory.builder()
                .streamReadConstraints(
                    StreamReadConstraints.builder()
                        .maxNestingDepth(MOST_DEPTH)
                        .maxNumberLength(MOST_DIGITS)
                        .maxStringLength(MOST_STRING)
                        .maxNameLength(MOST_NAME)
                        .maxTokenCount(mostTokens)
                        .build())
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                .build())
        .build();
  }

  /** Returns the writer of JSON, to stream with. */
  public static JsonFactory factory() {
    return MAPPER.getFactory();
  }

  /**
   * Returns the reader of JSON with these bounds for a document of any length, to stream with. The
   * caller bounds what it keeps.
   */
  public static JsonFactory rows() {
    return ROWS;
  }

  /**
   * Reads a whole file.
   *
   * @param mostBytes size above which the file is refused
   * @throws UnreadableData if the file is missing, too large or not JSON; names line and column
   */
  public static JsonNode read(Path file, long mostBytes) {
    return parse(file.toString(), bytes(file, mostBytes));
  }

  /**
   * Reads an object from a file.
   *
   * @throws UnreadableData as {@link #read}, and if the value is not an object
   */
  public static JsonFields readObject(Path file, long mostBytes) {
    return new JsonFields(file.toString(), read(file, mostBytes));
  }

  /**
   * Parses bytes that came from a place.
   *
   * @param source what to call them in errors
   */
  public static JsonNode parse(String source, byte[] utf8) {
    return parse(source, text(source, utf8));
  }

  /** Parses text that came from a place. */
  public static JsonNode parse(String source, String text) {
    JsonNode node;
    try {
      node = WHOLE.readTree(text);
    } catch (JsonProcessingException e) {
      throw broken(source, e);
    }
    if (node.isMissingNode()) {
      throw new UnreadableData(source + ": expected JSON, found nothing");
    }
    return node;
  }

  /** Returns the failure for JSON that could not be parsed, with its line and column. */
  public static UnreadableData broken(String source, JsonProcessingException cause) {
    JsonLocation at = cause.getLocation();
    String place =
        at == null ? "" : "line %d, column %d: ".formatted(at.getLineNr(), at.getColumnNr());
    return new UnreadableData(
        source + ": " + place + "broken JSON: " + cause.getOriginalMessage(), cause);
  }

  /**
   * Reads a file into memory.
   *
   * @throws UnreadableData if it is missing, not a file, or above the size
   */
  public static byte[] bytes(Path file, long mostBytes) {
    try {
      if (!Files.exists(file)) {
        throw new NoSuchFileException(file.toString());
      }
      if (!Files.isRegularFile(file)) {
        throw new UnreadableData(file + ": expected a file, found a folder or a special file");
      }
      long size = Files.size(file);
      if (size > mostBytes) {
        throw new UnreadableData(
            file + ": must be at most " + mostBytes + " bytes, was " + size + " bytes");
      }
      return Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new UnreadableData(file + ": file not found", e);
    } catch (IOException e) {
      throw new UnreadableData(file + ": could not be read: " + e.getMessage(), e);
    }
  }

  private static String text(String source, byte[] utf8) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
      return text.startsWith("\ufeff") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new UnreadableData(source + ": expected UTF-8, found other bytes", e);
    }
  }
}
