package dev.finetune.trainer.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Python's operators, subscripts and slices. */
final class Operators {
  private Operators() {}

  /** Returns what an operator of two values makes. */
  static Object binary(String operator, Object a, Object b) {
    return switch (operator) {
      case "equal" -> PythonValues.equal(a, b);
      case "unequal" -> !PythonValues.equal(a, b);
      case "less" -> PythonValues.compare(a, b) < 0;
      case "atMost" -> PythonValues.compare(a, b) <= 0;
      case "greater" -> PythonValues.compare(a, b) > 0;
      case "atLeast" -> PythonValues.compare(a, b) >= 0;
      case "in" -> contains(b, a);
      case "notIn" -> !contains(b, a);
      case "add" -> add(a, b);
      case "join" -> join(a, b);
      case "multiply" -> multiply(a, b);
      case "modulo" -> a instanceof String text ? percent(text, b) : arithmetic(operator, a, b);
      case "subtract", "divide", "floor" -> arithmetic(operator, a, b);
      default -> throw new IllegalStateException("no operator " + operator);
    };
  }

  /** Returns what an operator of one value makes. */
  static Object unary(String operator, Object value) {
    return switch (operator) {
      case "not" -> !PythonValues.truth(value);
      case "plus" -> value instanceof Double ? value : PythonValues.integer(value);
      case "minus" ->
          value instanceof Double number
              ? (Object) (-number)
              : (Object) exact(() -> Math.negateExact(PythonValues.integer(value)));
      default -> throw new IllegalStateException("no operator " + operator);
    };
  }

  private static boolean contains(Object container, Object item) {
    return switch (container) {
      case String text -> {
        if (!(item instanceof String part)) {
          throw new RenderFailure(
              "only a text can be in a text, not " + PythonValues.describe(item));
        }
        Rendering.current().charge(text.length());
        yield text.contains(part);
      }
      case List<?> list -> containsItem(list, item);
      case Tuple(List<Object> items) -> containsItem(items, item);
      case Map<?, ?> map -> map.containsKey(item);
      case Undefined undefined -> false;
      default -> throw new RenderFailure("nothing is in " + PythonValues.describe(container));
    };
  }

  private static boolean containsItem(List<?> list, Object item) {
    for (Object candidate : list) {
      if (PythonValues.equal(candidate, item)) {
        return true;
      }
    }
    return false;
  }

  private static Object add(Object a, Object b) {
    if (a instanceof String left && b instanceof String right) {
      return concatenated(left, right);
    }
    if (a instanceof List<?> left && b instanceof List<?> right) {
      Rendering.current().charge(left.size() + (long) right.size());
      List<Object> all = new ArrayList<>(left);
      all.addAll(right);
      return all;
    }
    return arithmetic("add", a, b);
  }

  private static Object join(Object a, Object b) {
    if (a instanceof SafeText || b instanceof SafeText) {
      throw PythonValues.safeText();
    }
    return concatenated(PythonValues.text(a), PythonValues.text(b));
  }

  private static String concatenated(String a, String b) {
    Rendering.current().charge(a.length() + (long) b.length());
    return a + b;
  }

  private static Object multiply(Object a, Object b) {
    if (a instanceof String text && b instanceof Long times) {
      return repeated(text, times);
    }
    if (b instanceof String text && a instanceof Long times) {
      return repeated(text, times);
    }
    return arithmetic("multiply", a, b);
  }

  private static String repeated(String text, long times) {
    if (times <= 0 || text.isEmpty()) {
      return "";
    }
    Rendering.current().charge(times > Integer.MAX_VALUE ? times : times * text.length());
    return text.repeat((int) times);
  }

  /** Puts values into a text at {@code %s}; other conversions are not supported. */
  private static String percent(String format, Object values) {
    List<Object> items = values instanceof Tuple(List<Object> several) ? several : List.of(values);
    StringBuilder text = new StringBuilder();
    int used = 0;
    int from = 0;
    for (int at = format.indexOf('%'); at >= 0; at = format.indexOf('%', from)) {
      text.append(format, from, at);
      char kind = at + 1 < format.length() ? format.charAt(at + 1) : ' ';
      if (kind == '%') {
        text.append('%');
      } else if (kind == 's' && used < items.size()) {
        String value = PythonValues.text(items.get(used++));
        Rendering.current().charge(value.length());
        text.append(value);
      } else {
        throw new RenderFailure("operator '%' of a text supports only %s, once for each value");
      }
      from = at + 2;
    }
    if (used < items.size()) {
      throw new RenderFailure("operator '%' of a text was given more values than it has %s");
    }
    return text.append(format, from, format.length()).toString();
  }

  private static Object arithmetic(String operator, Object a, Object b) {
    if (!PythonValues.isNumber(a) || !PythonValues.isNumber(b)) {
      throw new RenderFailure(
          "cannot %s %s and %s"
              .formatted(operator, PythonValues.describe(a), PythonValues.describe(b)));
    }
    if (operator.equals("divide") || a instanceof Double || b instanceof Double) {
      return real(operator, PythonValues.real(a), PythonValues.real(b));
    }
    long left = PythonValues.integer(a);
    long right = PythonValues.integer(b);
    return switch (operator) {
      case "add" -> exact(() -> Math.addExact(left, right));
      case "subtract" -> exact(() -> Math.subtractExact(left, right));
      case "multiply" -> exact(() -> Math.multiplyExact(left, right));
      case "floor" -> exact(() -> Math.floorDiv(left, nonZero(right)));
      case "modulo" -> Math.floorMod(left, nonZero(right));
      default -> throw new IllegalStateException("no operator " + operator);
    };
  }

  private static double real(String operator, double a, double b) {
    return switch (operator) {
      case "add" -> a + b;
      case "subtract" -> a - b;
      case "multiply" -> a * b;
      case "divide" -> a / nonZero(b);
      case "floor" -> Math.floor(a / nonZero(b));
      case "modulo" -> a - nonZero(b) * Math.floor(a / b);
      default -> throw new IllegalStateException("no operator " + operator);
    };
  }

  private static long nonZero(long value) {
    if (value == 0) {
      throw new RenderFailure("division by zero");
    }
    return value;
  }

  private static double nonZero(double value) {
    if (value == 0) {
      throw new RenderFailure("division by zero");
    }
    return value;
  }

  /** An operation that fails where its result does not fit. */
  private interface Exact {
    long compute();
  }

  private static Long exact(Exact operation) {
    try {
      return operation.compute();
    } catch (ArithmeticException e) {
      throw new RenderFailure("an integer of more than 64 bits is not supported");
    }
  }

  /** Returns an item by its key or place; what is not there is not defined. */
  static Object item(Object of, Object key) {
    return switch (of) {
      case Map<?, ?> map -> {
        Object value = map.get(key);
        yield value == null ? missing(key) : value;
      }
      case List<?> list -> at(list, key);
      case Tuple(List<Object> items) -> at(items, key);
      case String text -> {
        Rendering.current().charge(text.length());
        yield at(PythonStrings.characters(text), key);
      }
      case Namespace namespace when key instanceof String name -> attribute(of, name);
      case LoopState loop when key instanceof String name -> attribute(of, name);
      case Undefined(String what) -> throw new RenderFailure("'" + what + "' is not defined");
      default -> missing(key);
    };
  }

  private static Object at(List<?> items, Object key) {
    if (!(key instanceof Long) && !(key instanceof Boolean)) {
      return missing(key);
    }
    long place = PythonValues.integer(key);
    long from = place < 0 ? place + items.size() : place;
    return from >= 0 && from < items.size() ? items.get((int) from) : missing(key);
  }

  private static Undefined missing(Object key) {
    return new Undefined(
        key instanceof String name && name.length() <= 64 ? name : PythonValues.describe(key));
  }

  /** Returns an attribute; of a mapping, a key that is no method of mappings. */
  static Object attribute(Object of, String name) {
    return switch (of) {
      case Undefined(String what) -> throw new RenderFailure("'" + what + "' is not defined");
      case Namespace namespace -> {
        Object value = namespace.values().get(name);
        yield value == null ? new Undefined(name) : value;
      }
      case LoopState loop -> loop.attribute(name);
      case Map<?, ?> map when !Methods.OF_MAPPINGS.contains(name) -> item(map, name);
      case Map<?, ?> map ->
          throw new RenderFailure("method '" + name + "' of a mapping must be called");
      case String text when Methods.OF_TEXTS.contains(name) ->
          throw new RenderFailure("method '" + name + "' of a text must be called");
      default -> new Undefined(name);
    };
  }

  /** Returns a slice of a text, list or tuple. */
  static Object slice(Object of, Object start, Object stop, Object step) {
    if (of instanceof Undefined(String what)) {
      throw new RenderFailure("'" + what + "' is not defined");
    }
    if (of instanceof Map) {
      throw new RenderFailure("a mapping has no slices");
    }
    List<Object> items = PythonValues.items(of);
    long by = step == None.NONE ? 1 : PythonValues.integer(step);
    if (by == 0) {
      throw new RenderFailure("the step of a slice must not be 0");
    }
    int size = items.size();
    long from = bound(start, by > 0 ? 0 : size - 1, size, by > 0);
    long to = bound(stop, by > 0 ? size : -1, size, by > 0);
    List<Object> slice = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      slice.add(items.get((int) i));
      if (by > size || by < -size) {
        break;
      }
    }
    if (of instanceof String) {
      StringBuilder text = new StringBuilder();
      slice.forEach(text::append);
      return text.toString();
    }
    return of instanceof Tuple ? new Tuple(slice) : slice;
  }

  private static long bound(Object value, long absent, int size, boolean forward) {
    if (value == None.NONE) {
      return absent;
    }
    long place = PythonValues.integer(value);
    long from = place < 0 ? place + size : place;
    return forward ? Math.clamp(from, 0, size) : Math.clamp(from, -1, size - 1);
  }
}
