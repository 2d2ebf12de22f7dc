package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnreadableData;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The typed key-value pairs at the head of a GGUF file.
 *
 * <p>All integer types are read as long, both floating point types as double.
 */
public final class GgufMetadata {
  private final String source;
  private final Map<String, Value> values;

  /** A value of one of the types of the format. */
  public sealed interface Value {
    /** A signed or unsigned integer of any width. */
    record Int(long value) implements Value {}

    /** A floating point number of either width. */
    record Real(double value) implements Value {}

    /** A truth value. */
    record Bool(boolean value) implements Value {}

    /** A string. */
    record Text(String value) implements Value {}

    /** A list of strings. */
    record Texts(List<String> values) implements Value {}

    /** A list of integers. */
    record Ints(long[] values) implements Value {}

    /** A list whose elements nothing here needs; only checked to be well formed. */
    record Skipped(String elementType, long count) implements Value {}
  }

  GgufMetadata(String source, Map<String, Value> values) {
    this.source = source;
    this.values = Map.copyOf(values);
  }

  /** Returns the keys. */
  public Set<String> keys() {
    return values.keySet();
  }

  /** Returns what errors call the file. */
  public String source() {
    return source;
  }

  /**
   * Returns a value as it is.
   *
   * @throws UnreadableData if there is no such key
   */
  public Value value(String key) {
    return require(key);
  }

  /** Returns whether there is such a key. */
  public boolean has(String key) {
    return values.containsKey(key);
  }

  /**
   * Returns an integer.
   *
   * @throws UnreadableData if it is missing, of another type, or not a 32-bit integer from 0
   */
  public int requireInt(String key) {
    Value value = require(key);
    if (value instanceof Value.Int(long number) && number >= 0 && number <= Integer.MAX_VALUE) {
      return (int) number;
    }
    throw wrongType(key, "an integer from 0 to " + Integer.MAX_VALUE, value);
  }

  /** Returns an integer, or the fallback if there is no such key. */
  public int intOr(String key, int fallback) {
    return has(key) ? requireInt(key) : fallback;
  }

  /** Returns a number. */
  public double requireDouble(String key) {
    Value value = require(key);
    if (value instanceof Value.Real(double number)) {
      return number;
    }
    throw wrongType(key, "a floating point number", value);
  }

  /** Returns a number, or the fallback if there is no such key. */
  public double doubleOr(String key, double fallback) {
    return has(key) ? requireDouble(key) : fallback;
  }

  /** Returns a truth value, or the fallback if there is no such key. */
  public boolean booleanOr(String key, boolean fallback) {
    if (!has(key)) {
      return fallback;
    }
    Value value = require(key);
    if (value instanceof Value.Bool(boolean truth)) {
      return truth;
    }
    throw wrongType(key, "true or false", value);
  }

  /** Returns a string. */
  public String requireText(String key) {
    Value value = require(key);
    if (value instanceof Value.Text(String text)) {
      return text;
    }
    throw wrongType(key, "a string", value);
  }

  /** Returns a string, or null if there is no such key. */
  public @Nullable String text(String key) {
    return has(key) ? requireText(key) : null;
  }

  /** Returns a list of strings. */
  public List<String> requireTexts(String key) {
    Value value = require(key);
    if (value instanceof Value.Texts(List<String> texts)) {
      return texts;
    }
    throw wrongType(key, "a list of strings", value);
  }

  /** Returns a list of integers as a new array. */
  public long[] requireInts(String key) {
    Value value = require(key);
    if (value instanceof Value.Ints(long[] numbers)) {
      return numbers.clone();
    }
    throw wrongType(key, "a list of integers", value);
  }

  private Value require(String key) {
    Value value = values.get(key);
    if (value == null) {
      throw new UnreadableData(source + ": metadata '" + key + "' is missing");
    }
    return value;
  }

  private UnreadableData wrongType(String key, String expected, Value found) {
    return new UnreadableData(
        "%s: metadata '%s' must be %s, was %s".formatted(source, key, expected, describe(found)));
  }

  private static String describe(Value value) {
    return switch (value) {
      case Value.Int(long number) -> "the integer " + number;
      case Value.Real(double number) -> "the number " + number;
      case Value.Bool(boolean truth) -> Boolean.toString(truth);
      case Value.Text _ -> "a string";
      case Value.Texts texts -> "a list of " + texts.values.size() + " strings";
      case Value.Ints ints -> "a list of " + ints.values.length + " integers";
      case Value.Skipped(String type, long count) -> "a list of " + count + " of type " + type;
    };
  }
}
