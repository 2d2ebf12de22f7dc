package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Label and field selectors of list and watch. */
final class Selector {
  private static final Pattern SET =
      Pattern.compile("\\s*(?<key>[^\\s!=,()]+)\\s+(?<op>in|notin)\\s*\\((?<values>[^)]*)\\)\\s*");
  private static final Pattern COMPARE =
      Pattern.compile("\\s*(?<key>[^\\s!=,()]+)\\s*(?<op>==|=|!=)\\s*(?<value>[^\\s,()]*)\\s*");
  private static final Pattern EXISTS =
      Pattern.compile("\\s*(?<not>!?)\\s*(?<key>[^\\s!=,()]+)\\s*");

  private Selector() {}

  /** Parses a label selector; empty selects everything. */
  static Predicate<JsonNode> labels(String text) {
    Predicate<JsonNode> all = object -> true;
    for (String part : parts(text)) {
      Predicate<JsonNode> one = label(part);
      all = all.and(object -> one.test(object.path("metadata").path("labels")));
    }
    return all;
  }

  /** Parses a field selector such as {@code metadata.name=a,status.phase!=Failed}. */
  static Predicate<JsonNode> fields(String text) {
    Predicate<JsonNode> all = object -> true;
    for (String part : parts(text)) {
      Matcher compare = COMPARE.matcher(part);
      if (!compare.matches()) {
        throw ApiFailure.badRequest("fieldSelector: cannot parse: " + part);
      }
      PrinterPath path = PrinterPath.parse("." + compare.group("key"));
      String value = compare.group("value");
      boolean equal = !compare.group("op").equals("!=");
      all = all.and(object -> path.read(object).asText("").equals(value) == equal);
    }
    return all;
  }

  private static Predicate<JsonNode> label(String part) {
    Matcher set = SET.matcher(part);
    if (set.matches()) {
      Set<String> values = Set.of(set.group("values").strip().split("\\s*,\\s*"));
      boolean in = set.group("op").equals("in");
      String key = set.group("key");
      return labels ->
          in
              ? labels.has(key) && values.contains(labels.path(key).asText())
              : !labels.has(key) || !values.contains(labels.path(key).asText());
    }
    Matcher compare = COMPARE.matcher(part);
    if (compare.matches()) {
      String key = compare.group("key");
      String value = compare.group("value");
      boolean equal = !compare.group("op").equals("!=");
      return labels -> (labels.has(key) && labels.path(key).asText().equals(value)) == equal;
    }
    Matcher exists = EXISTS.matcher(part);
    if (exists.matches()) {
      boolean wanted = exists.group("not").isEmpty();
      String key = exists.group("key");
      return labels -> labels.has(key) == wanted;
    }
    throw ApiFailure.badRequest("labelSelector: cannot parse: " + part);
  }

  /** Splits at commas that are not inside parentheses. */
  private static List<String> parts(String text) {
    List<String> parts = new ArrayList<>();
    int depth = 0;
    int start = 0;
    for (int i = 0; i <= text.length(); i++) {
      char c = i == text.length() ? ',' : text.charAt(i);
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (c == ',' && (depth == 0 || i == text.length())) {
        if (!text.substring(start, i).isBlank()) {
          parts.add(text.substring(start, i));
        }
        start = i + 1;
      }
    }
    return parts;
  }
}
