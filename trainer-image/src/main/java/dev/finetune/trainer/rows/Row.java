package dev.finetune.trainer.rows;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFields;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * One row of a data set.
 *
 * @param file path of the file that it comes from
 * @param unit what {@code line} counts
 * @param line the line that it begins on, or its number in a file without lines, from 1
 * @param object its fields, with the names that the format has, in place of those that {@code
 *     columns} maps; something other than an object is the row's error
 * @param columns which names of the file stand for which of the format
 */
public record Row(String file, Unit unit, int line, JsonNode object, Columns columns) {
  private static final int MOST_NAMES = 30;

  /** What the number of a row counts. */
  public enum Unit {
    /** Lines of a text. */
    LINE,
    /** Rows of a file that has no lines. */
    ROW
  }

  /** Makes a row that begins on a line and whose names are those of the format. */
  public Row(String file, int line, JsonNode object) {
    this(file, Unit.LINE, line, object, Columns.AS_WRITTEN);
  }

  /** Returns where in its file it is, such as {@code line 12}. */
  public String place() {
    return switch (unit) {
      case LINE -> "line " + line;
      case ROW -> "row " + line;
    };
  }

  /**
   * Returns a string that must be there.
   *
   * @throws UnreadableData if it is not; names the place, the field and what there is
   */
  public String requireText(String name) {
    JsonNode value = require(name);
    if (!value.isTextual()) {
      throw broken("field '" + name + "' must be a string, was " + JsonFields.describe(value));
    }
    return value.textValue();
  }

  /** Returns a string; an absent one and null are empty. */
  public String textOrEmpty(String name) {
    return object.path(name).isMissingNode() || object.path(name).isNull() ? "" : requireText(name);
  }

  /** Returns a list of integers that must be there. */
  public int[] requireInts(String name) {
    JsonNode list = require(name);
    if (!list.isArray()) {
      throw broken(
          "field '" + name + "' must be a list of integers, was " + JsonFields.describe(list));
    }
    int[] values = new int[list.size()];
    for (int i = 0; i < values.length; i++) {
      JsonNode value = list.get(i);
      if (!value.isIntegralNumber() || !value.canConvertToInt()) {
        throw broken(
            "field '%s'[%d] must be a 32-bit integer, was %s"
                .formatted(name, i, JsonFields.describe(value)));
      }
      values[i] = value.intValue();
    }
    return values;
  }

  /**
   * Returns a field that must be there, of whatever type.
   *
   * @throws UnreadableData if it is not; lists what the row has
   */
  public JsonNode require(String name) {
    if (!object.isObject()) {
      throw broken("expected a JSON object, found " + JsonFields.describe(object));
    }
    JsonNode value = object.path(name);
    if (value.isMissingNode()) {
      throw broken("field '" + name + "' is missing" + columns.origin(name) + "; " + names());
    }
    return value;
  }

  /** Returns the failure for something that is wrong with this row. */
  public UnreadableData broken(String message) {
    return new UnreadableData("%s: %s: %s".formatted(file, place(), message));
  }

  private String names() {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names.isEmpty()
        ? "the row is empty"
        : "the row has "
            + names.stream()
                .limit(MOST_NAMES)
                .map(name -> "'" + name + "'")
                .collect(Collectors.joining(", "))
            + (names.size() > MOST_NAMES ? " and " + (names.size() - MOST_NAMES) + " more" : "");
  }
}
