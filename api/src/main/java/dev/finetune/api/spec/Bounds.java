package dev.finetune.api.spec;

import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Checks records against the annotations that the CRD is made from. A record is walked with all
 * that it holds: records, lists and maps.
 */
final class Bounds {
  private static final String MATCHES = "self.matches('";
  private static final int LONGEST_QUOTE = 80;

  private final List<Violation> violations = new ArrayList<>();

  private Bounds() {}

  /** Returns the broken rules of a record, in the order of its components. */
  static List<Violation> check(String path, Record record) {
    Bounds bounds = new Bounds();
    bounds.record(path, record);
    return List.copyOf(bounds.violations);
  }

  /** Returns the value of a component. */
  static @Nullable Object valueOf(RecordComponent component, Record record) {
    try {
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot read " + component, e);
    }
  }

  private void record(String path, Record record) {
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      AnnotatedElement annotations = component.getAccessor();
      String field = FieldPath.field(path, component.getName());
      Object value = valueOf(component, record);
      if (value != null) {
        value(field, annotations, component.getAnnotatedType(), value);
      } else if (annotations.isAnnotationPresent(Required.class)) {
        report(field, "is required");
      }
    }
    for (ValidationRule rule : record.getClass().getAnnotationsByType(ValidationRule.class)) {
      if (!isTransition(rule) && !EitherOr.holds(rule.message(), record)) {
        report(path + rule.fieldPath(), rule.message());
      }
    }
  }

  /** Returns whether a rule compares with the object before the change. */
  static boolean isTransition(ValidationRule rule) {
    return rule.value().contains("oldSelf");
  }

  private void value(String path, AnnotatedElement annotations, AnnotatedType type, Object value) {
    switch (value) {
      case Number number -> number(path, annotations, number);
      case String text -> text(path, annotations, text);
      case Quantity quantity -> quantity(path, quantity);
      case Collection<?> list -> list(path, annotations, type, list);
      case Map<?, ?> map -> map(path, annotations, type, map);
      case Record record -> record(path, record);
      default -> {
        // Booleans and enums have no bounds; what lies in an untyped map is not ours.
      }
    }
  }

  private void number(String path, AnnotatedElement annotations, Number number) {
    double value = number.doubleValue();
    if (Double.isNaN(value)) {
      report(path, "must be a number, was NaN");
      return;
    }
    Min min = annotations.getAnnotation(Min.class);
    if (min != null && (min.inclusive() ? value < min.value() : value <= min.value())) {
      String bound = min.inclusive() ? "must be at least " : "must be greater than ";
      report(path, bound + plain(min.value()) + ", was " + plain(value));
    }
    Max max = annotations.getAnnotation(Max.class);
    if (max != null && (max.inclusive() ? value > max.value() : value >= max.value())) {
      String bound = max.inclusive() ? "must be at most " : "must be less than ";
      report(path, bound + plain(max.value()) + ", was " + plain(value));
    }
  }

  private void text(String path, AnnotatedElement annotations, String text) {
    size(path, annotations, text.codePointCount(0, text.length()), "characters");
    Pattern pattern = annotations.getAnnotation(Pattern.class);
    if (pattern != null && !matches(pattern.value(), text)) {
      report(path, "must match " + pattern.value() + ", was " + quote(text));
    }
    for (ValidationRule rule : annotations.getAnnotationsByType(ValidationRule.class)) {
      if (!matches(regexOf(rule), text)) {
        report(path, rule.message() + ", was " + quote(text));
      }
    }
  }

  /** Rules on a text field all have the form {@code self.matches('...')}, which Java can read. */
  private static String regexOf(ValidationRule rule) {
    String cel = rule.value();
    if (!cel.startsWith(MATCHES) || !cel.endsWith("')") || cel.contains("\\")) {
      throw new IllegalStateException("no Java form of the rule " + cel);
    }
    return cel.substring(MATCHES.length(), cel.length() - 2);
  }

  /** The API server looks for a match anywhere; all expressions are anchored, to the last byte. */
  private static boolean matches(String regex, String text) {
    return java.util.regex.Pattern.matches(regex, text);
  }

  private void quantity(String path, Quantity quantity) {
    String amount = quantity.amount();
    if (amount.length() > Quantity.LONGEST || !matches(Syntax.QUANTITY, amount)) {
      report(path, "must be an amount such as 2, 500m or 16Gi, was " + quote(amount));
    }
  }

  private void list(
      String path, AnnotatedElement annotations, AnnotatedType type, Collection<?> list) {
    size(path, annotations, list.size(), "entries");
    AnnotatedType itemType = argument(type, 0);
    int index = 0;
    for (Object item : list) {
      entry(FieldPath.item(path, index++), itemType, item);
    }
  }

  private void map(String path, AnnotatedElement annotations, AnnotatedType type, Map<?, ?> map) {
    size(path, annotations, map.size(), "entries");
    Map<String, @Nullable Object> sorted = new TreeMap<>();
    map.forEach((key, value) -> sorted.put(String.valueOf(key), value));
    sorted.forEach(
        (key, value) -> {
          String entry = FieldPath.key(path, key);
          AnnotatedType keyType = argument(type, 0);
          if (keyType != null) {
            value(entry, keyType, keyType, key);
          }
          entry(entry, argument(type, 1), value);
        });
  }

  private void entry(String path, @Nullable AnnotatedType type, @Nullable Object value) {
    if (type == null || type.getType() == Object.class) {
      return;
    }
    if (value == null) {
      report(path, "must not be null");
    } else {
      value(path, type, type, value);
    }
  }

  private static @Nullable AnnotatedType argument(AnnotatedType type, int index) {
    return type instanceof AnnotatedParameterizedType parameterized
        ? parameterized.getAnnotatedActualTypeArguments()[index]
        : null;
  }

  private void size(String path, AnnotatedElement annotations, int size, String unit) {
    Size bound = annotations.getAnnotation(Size.class);
    if (bound == null) {
      return;
    }
    if (size < bound.min()) {
      report(path, "must have at least " + count(bound.min(), unit) + ", had " + size);
    }
    if (size > bound.max()) {
      report(path, "must have at most " + count(bound.max(), unit) + ", had " + size);
    }
  }

  private static String count(long number, String unit) {
    String singular = unit.equals("entries") ? "entry" : "character";
    return number + " " + (number == 1 ? singular : unit);
  }

  static String plain(double value) {
    if (Double.isInfinite(value)) {
      return Double.toString(value);
    }
    return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  /** Long or multi-line text would hide the rest of a message. */
  static String quote(String text) {
    String line = text.replace("\n", "\\n");
    return line.length() <= LONGEST_QUOTE ? line : line.substring(0, LONGEST_QUOTE) + "...";
  }

  private void report(String path, String message) {
    violations.add(new Violation(path, message));
  }
}
