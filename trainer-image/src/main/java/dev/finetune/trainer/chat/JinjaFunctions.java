package dev.finetune.trainer.chat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The functions that an expression is made of when jinjava evaluates it. They are public since
 * jinjava calls them by reflection.
 */
public final class JinjaFunctions {
  private JinjaFunctions() {}

  /** Remembers the line. */
  public static Object at(int line) {
    Rendering.current().at(line);
    return "";
  }

  /** Returns a constant of the template. */
  public static Object constant(int index) {
    return step().constant(index);
  }

  /** Prints a text of the template; returns an empty text. */
  public static Object text(int index) {
    Rendering rendering = step();
    rendering.print((String) rendering.constant(index));
    return "";
  }

  /** Prints a value; returns an empty text. */
  public static Object print(Object line, Object value) {
    step().print(PythonValues.text(value));
    return "";
  }

  /** Returns what a name stands for. */
  public static Object name(int index) {
    Rendering rendering = step();
    return rendering.scope().get((String) rendering.constant(index));
  }

  /** Returns an attribute. */
  public static Object attribute(Object of, int index) {
    return Operators.attribute(of, (String) step().constant(index));
  }

  /** Returns an item. */
  public static Object item(Object of, Object key) {
    step();
    return Operators.item(of, key);
  }

  /** Returns a slice. */
  public static Object slice(Object of, Object start, Object stop, Object by) {
    step();
    return Operators.slice(of, start, stop, by);
  }

  /** Calls a function or a macro. */
  public static Object call(int index, Object... arguments) {
    Rendering rendering = step();
    String name = (String) rendering.constant(index);
    return switch (rendering.scope().get(name)) {
      case Builtin builtin -> builtin.call(arguments);
      case Macro macro -> macro.call(arguments);
      default -> throw new RenderFailure("function '" + name + "' is not supported");
    };
  }

  /** Calls a method. */
  public static Object method(Object of, int index, Object... arguments) {
    return Methods.call(of, (String) step().constant(index), arguments);
  }

  /** Returns an argument with its name. */
  public static Object named(int index, Object value) {
    return new Named((String) Rendering.current().constant(index), value);
  }

  /** Applies a filter. */
  public static Object filter(String name, Object value, Object... arguments) {
    step();
    return Filters.apply(name, value, arguments);
  }

  /** Returns whether a value passes a test. */
  public static Object test(String name, Object value, Object... arguments) {
    step();
    return Tests.passes(name, value, arguments);
  }

  /** Returns what an operator of two values makes. */
  public static Object binary(String operator, Object a, Object b) {
    step();
    return Operators.binary(operator, a, b);
  }

  /** Returns what an operator of one value makes. */
  public static Object unary(String operator, Object value) {
    step();
    return Operators.unary(operator, value);
  }

  /** Returns a list. */
  public static Object list(Object... items) {
    step();
    return List.of(items);
  }

  /** Returns a tuple. */
  public static Object tuple(Object... items) {
    step();
    return new Tuple(List.of(items));
  }

  /** Returns a mapping of keys and values that follow one another. */
  public static Object dict(Object... items) {
    step();
    Map<Object, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < items.length; i += 2) {
      map.put(items[i], items[i + 1]);
    }
    return map;
  }

  /** Returns whether a value counts as true. */
  public static Object truth(Object value) {
    step();
    return PythonValues.truth(value);
  }

  /** Returns whether a value counts as true, on a line. */
  public static Object condition(Object line, Object value) {
    return truth(value);
  }

  /** Keeps a value and returns whether it counts as true. */
  public static Object keep(int slot, Object value) {
    step().keep(slot, value);
    return PythonValues.truth(value);
  }

  /** Returns the value that was kept last. */
  public static Object kept(int slot) {
    return Rendering.current().kept(slot);
  }

  private static Rendering step() {
    Rendering rendering = Rendering.current();
    rendering.step();
    return rendering;
  }
}
