package dev.finetune.trainer.rows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Names of columns that differ from those of the format.
 *
 * @param field field of the job that says so, for messages, such as {@code spec.dataset.columns}
 * @param names the name that the format has, to the name in the file
 */
public record Columns(String field, SortedMap<String, String> names) {
  /** No name differs. */
  public static final Columns AS_WRITTEN = new Columns("spec.dataset.columns", new TreeMap<>());

  /** Keeps an own copy. */
  public Columns {
    names = new TreeMap<>(names);
  }

  /**
   * Returns the columns of a source.
   *
   * @param names as the job has them, or null
   * @throws InvalidConfiguration if the format has no such name
   */
  public static Columns of(
      String field, @Nullable Map<String, String> names, DatasetFormat format) {
    if (names == null) {
      return new Columns(field, new TreeMap<>());
    }
    List<String> known = known(format);
    for (String name : names.keySet()) {
      if (!known.contains(name)) {
        throw new InvalidConfiguration(
            "%s: must name columns of the format, which are %s, found '%s'"
                .formatted(field, String.join(", ", known), name));
      }
    }
    return new Columns(field, new TreeMap<>(names));
  }

  private static List<String> known(DatasetFormat format) {
    return switch (format) {
      case ALPACA -> List.of("instruction", "input", "output");
      case PROMPT_COMPLETION -> List.of("prompt", "completion");
      case TEXT -> List.of("text");
      case TOKENS -> List.of("input_ids", "labels");
      case CHAT -> List.of("messages", "conversations", "prompt", "completion", "tools", "system");
      case LABELED_TEXT -> List.of("text", "text_pair", "label");
      case LABELED_TOKENS -> List.of("tokens", "labels");
    };
  }

  /**
   * Returns the fields under the names of the format. A field that no name maps stays as it is,
   * unless a mapped one takes its name.
   */
  JsonNode renamed(JsonNode row) {
    if (names.isEmpty() || !row.isObject()) {
      return row;
    }
    ObjectNode renamed = ((ObjectNode) row).objectNode();
    renamed.setAll((ObjectNode) row);
    names.keySet().forEach(renamed::remove);
    names.forEach(
        (name, column) -> {
          JsonNode value = row.get(column);
          if (value != null) {
            renamed.set(name, value);
          }
        });
    return renamed;
  }

  /** Returns where a field comes from, for a message, if that is another column. */
  String origin(String name) {
    String column = names.get(name);
    return column == null ? "" : ", which " + field + " takes from column '" + column + "'";
  }
}
