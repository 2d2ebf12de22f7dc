package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The JSON paths that printer columns use: names, indexes, and a filter by equality such as {@code
 * .status.conditions[?(@.type=="Ready")].status}.
 */
final class PrinterPath {
  private static final Pattern STEP =
      Pattern.compile(
          "\\.(?<name>(?:\\\\.|[^.\\[\\]])+)"
              + "|\\[(?<index>\\d+)]"
              + "|\\['(?<quoted>[^']+)']"
              + "|\\[\\?\\(@\\.(?<key>[^=\\s]+)\\s*==\\s*[\"'](?<value>[^\"']*)[\"']\\)]");

  private sealed interface Step {}

  private record Field(String name) implements Step {}

  private record Index(int at) implements Step {}

  private record Where(String key, String value) implements Step {}

  private final List<Step> steps;

  private PrinterPath(List<Step> steps) {
    this.steps = steps;
  }

  /** Parses a path; an unsupported one is refused. */
  static PrinterPath parse(String text) {
    List<Step> steps = new ArrayList<>();
    Matcher matcher = STEP.matcher(text);
    int end = 0;
    while (end < text.length() && matcher.find(end) && matcher.start() == end) {
      steps.add(step(matcher));
      end = matcher.end();
    }
    if (end != text.length()) {
      throw ApiFailure.badRequest("jsonPath: unsupported expression: " + text);
    }
    return new PrinterPath(steps);
  }

  private static Step step(Matcher matcher) {
    if (matcher.group("name") != null) {
      return new Field(matcher.group("name").replace("\\.", "."));
    }
    if (matcher.group("quoted") != null) {
      return new Field(matcher.group("quoted"));
    }
    if (matcher.group("index") != null) {
      return new Index(Integer.parseInt(matcher.group("index")));
    }
    return new Where(matcher.group("key"), matcher.group("value"));
  }

  /** Returns the value in an object, a missing node if there is none. */
  JsonNode read(JsonNode object) {
    JsonNode at = object;
    for (Step step : steps) {
      at =
          switch (step) {
            case Field(String name) -> at.path(name);
            case Index(int index) -> at.path(index);
            case Where(String key, String value) -> first(at, key, value);
          };
    }
    return at;
  }

  private static JsonNode first(JsonNode list, String key, String value) {
    for (JsonNode item : list) {
      if (item.path(key).asText().equals(value)) {
        return item;
      }
    }
    return MissingNode.getInstance();
  }
}
