package dev.finetune.trainer.data;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFields;

/** One row of a data set and the line that it begins on, from 1. */
record Row(String file, int line, JsonNode object) {

  /** Returns a string that must be there. */
  String requireText(String name) {
    JsonNode value = require(name);
    if (!value.isTextual()) {
      throw broken("field '" + name + "' must be a string, was " + JsonFields.describe(value));
    }
    return value.textValue();
  }

  /** Returns a string; an absent one and null are empty. */
  String textOrEmpty(String name) {
    return object.path(name).isMissingNode() || object.path(name).isNull() ? "" : requireText(name);
  }

  /** Returns a list of integers that must be there. */
  int[] requireInts(String name) {
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

  /** Returns the failure for something that is wrong with this row. */
  UnreadableData broken(String message) {
    return new UnreadableData("%s: line %d: %s".formatted(file, line, message));
  }

  private JsonNode require(String name) {
    if (!object.isObject()) {
      throw broken("expected a JSON object, found " + JsonFields.describe(object));
    }
    JsonNode value = object.path(name);
    if (value.isMissingNode()) {
      throw broken("field '" + name + "' is missing");
    }
    return value;
  }
}
