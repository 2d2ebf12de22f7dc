package dev.finetune.trainer.data;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.rows.Row;
import dev.finetune.trainer.tokenizer.Tokenizer;

/**
 * Rows of {@code text}, perhaps {@code text_pair}, and {@code label}: a name, an index or, for
 * regression, a number; or {@code labels}, a list of names and indexes, where a text may have
 * several. A pair is one text with a line break between its parts. BOS comes first where the
 * tokenizer's configuration says so; nothing follows the text, whose last token is where the head
 * reads.
 *
 * @param tokenizer the base model's; stays the caller's
 */
record LabeledText(Tokenizer tokenizer, Labeling labeling) implements RowFormat {
  private static final String LABEL = "label";
  private static final String LABELS = "labels";

  @Override
  public Example example(int index, Row row) {
    int[] ids = ids(tokenizer, text(row.requireText("text"), row.textOrEmpty("text_pair")));
    if (ids.length == 0) {
      throw row.broken("field 'text' must have at least one token");
    }
    return new Example(index, ids, new Target.OfText(values(row)));
  }

  /** Returns the text of a row, or of a question that is asked as rows are learned. */
  static String text(String text, String pair) {
    return pair.isEmpty() ? text : text + "\n" + pair;
  }

  /** Returns the tokens of a text. */
  static int[] ids(Tokenizer tokenizer, String text) {
    return withBos(tokenizer, tokenizer.encode(text));
  }

  private static int[] withBos(Tokenizer tokenizer, int[] ids) {
    if (!tokenizer.addsBos()) {
      return ids;
    }
    int[] all = new int[ids.length + 1];
    all[0] = tokenizer.bosId().orElseThrow();
    System.arraycopy(ids, 0, all, 1, ids.length);
    return all;
  }

  private float[] values(Row row) {
    return switch (labeling.problem()) {
      case SINGLE_LABEL ->
          new float[] {labeling.names().index(row, LABEL, name(row, LABEL, label(row)))};
      case MULTI_LABEL -> several(row);
      case REGRESSION -> new float[] {number(row)};
    };
  }

  private static JsonNode label(Row row) {
    JsonNode label = row.object().path(LABEL);
    if (label.isMissingNode() || label.isNull()) {
      throw row.broken("field 'label' is missing");
    }
    return label;
  }

  /** Returns a label as text: a name, a whole number in digits, true or false. */
  static String name(Row row, String field, JsonNode label) {
    if (label.isTextual() || label.isIntegralNumber() || label.isBoolean()) {
      return label.asText();
    }
    throw row.broken(
        "field '%s' must be a name or an index, was %s"
            .formatted(field, JsonFields.describe(label)));
  }

  private static float number(Row row) {
    JsonNode label = label(row);
    double number = Double.NaN;
    if (label.isNumber()) {
      number = label.doubleValue();
    } else if (label.isTextual()) {
      try {
        number = Double.parseDouble(label.textValue());
      } catch (NumberFormatException _) {
        // A text that is no number is refused below.
      }
    }
    if (!Float.isFinite((float) number)) {
      throw row.broken("field 'label' must be a number, was " + JsonFields.describe(label));
    }
    return (float) number;
  }

  private float[] several(Row row) {
    JsonNode list = row.object().path(LABELS);
    if (!list.isArray()) {
      throw row.broken("field 'labels' must be a list of labels, was " + JsonFields.describe(list));
    }
    int[] indexes = new int[list.size()];
    for (int i = 0; i < indexes.length; i++) {
      indexes[i] = labeling.names().index(row, LABELS, name(row, LABELS, list.get(i)));
    }
    float[] values = new float[labeling.names().names().size()];
    for (int index : indexes) {
      values[index] = 1;
    }
    return values;
  }
}
