package dev.finetune.trainer.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Arguments of a call: those without names, then those with names. */
final class Arguments {
  private final String callee;
  private final List<Object> positional = new ArrayList<>();
  private final Map<String, Object> named = new LinkedHashMap<>();

  /**
   * Takes arguments apart.
   *
   * @param callee what is called, for messages
   */
  Arguments(String callee, Object[] arguments) {
    this.callee = callee;
    for (Object argument : arguments) {
      if (argument instanceof Named(String name, Object value)) {
        named.put(name, value);
      } else {
        positional.add(argument);
      }
    }
  }

  /** Returns the arguments without names. */
  List<Object> positional() {
    return positional;
  }

  /** Returns the arguments with names. */
  Map<String, Object> named() {
    return named;
  }

  /** Returns an argument by its place or its name, or null. */
  @Nullable Object get(int place, String name) {
    return place < positional.size() ? positional.get(place) : named.get(name);
  }

  /** Returns an argument, or the fallback. */
  Object getOr(int place, String name, Object fallback) {
    Object value = get(place, name);
    return value == null ? fallback : value;
  }

  /** Returns an argument that must be there. */
  Object require(int place, String name) {
    Object value = get(place, name);
    if (value == null) {
      throw new RenderFailure(callee + " needs an argument '" + name + "'");
    }
    return value;
  }

  /** Returns an argument that must be a text. */
  String requireText(int place, String name) {
    if (require(place, name) instanceof String text) {
      return text;
    }
    throw new RenderFailure("argument '%s' of %s must be a text".formatted(name, callee));
  }

  /** Returns an integer, or the fallback. */
  int intOr(int place, String name, int fallback) {
    Object value = get(place, name);
    if (value == null || value == None.NONE) {
      return fallback;
    }
    if (value instanceof Long number && number.intValue() == number) {
      return number.intValue();
    }
    throw new RenderFailure("argument '%s' of %s must be an integer".formatted(name, callee));
  }

  /** Checks that no argument is left that the callee does not know. */
  Arguments allow(int mostPositional, String... names) {
    List<String> known = List.of(names);
    if (positional.size() > mostPositional) {
      throw new RenderFailure(
          "%s takes at most %d arguments, was given %d"
              .formatted(callee, mostPositional, positional.size()));
    }
    for (String name : named.keySet()) {
      if (!known.contains(name)) {
        throw new RenderFailure("argument '%s' of %s is not supported".formatted(name, callee));
      }
    }
    return this;
  }
}
