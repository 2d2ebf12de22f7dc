package dev.finetune.trainer.chat;

import java.util.List;
import java.util.Map;
import java.util.Set;

/** The tests that a template may use after {@code is}, as Jinja defines them. */
final class Tests {
  /** Their names; another one is refused when the template is read. */
  static final Set<String> NAMES =
      Set.of(
          "boolean",
          "callable",
          "defined",
          "divisibleby",
          "eq",
          "equalto",
          "even",
          "false",
          "float",
          "ge",
          "gt",
          "in",
          "integer",
          "iterable",
          "le",
          "lt",
          "mapping",
          "ne",
          "none",
          "number",
          "odd",
          "sequence",
          "string",
          "true",
          "undefined");

  private Tests() {}

  /** Returns whether a value passes a test. */
  static boolean passes(String name, Object value, Object[] values) {
    Arguments given = new Arguments("test '" + name + "'", values);
    return switch (name) {
      case "eq", "equalto" -> PythonValues.equal(value, other(given));
      case "ne" -> !PythonValues.equal(value, other(given));
      case "lt" -> PythonValues.compare(value, other(given)) < 0;
      case "le" -> PythonValues.compare(value, other(given)) <= 0;
      case "gt" -> PythonValues.compare(value, other(given)) > 0;
      case "ge" -> PythonValues.compare(value, other(given)) >= 0;
      case "in" -> (boolean) Operators.binary("in", value, other(given));
      case "divisibleby" -> isZero(Operators.binary("modulo", value, other(given)));
      default -> {
        given.allow(0);
        yield isKind(name, value);
      }
    };
  }

  private static Object other(Arguments given) {
    return given.allow(1).require(0, "other");
  }

  private static boolean isZero(Object value) {
    return PythonValues.equal(value, 0L);
  }

  private static boolean isKind(String name, Object value) {
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == None.NONE;
      case "string" -> value instanceof String || value instanceof SafeText;
      case "mapping" -> value instanceof Map;
      case "iterable", "sequence" ->
          value instanceof String
              || value instanceof SafeText
              || value instanceof List
              || value instanceof Tuple
              || value instanceof Map
              || value instanceof Undefined;
      case "number" -> PythonValues.isNumber(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "odd" -> PythonValues.equal(Operators.binary("modulo", value, 2L), 1L);
      case "even" -> isZero(Operators.binary("modulo", value, 2L));
      case "callable" ->
          value instanceof Macro || value instanceof Builtin || value instanceof Undefined;
      default -> throw new IllegalStateException("no test " + name);
    };
  }
}
