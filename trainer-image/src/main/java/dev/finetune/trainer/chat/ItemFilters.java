package dev.finetune.trainer.chat;

import java.util.ArrayList;
import java.util.List;

/** Filters that go over items with a test or another filter. */
final class ItemFilters {
  private ItemFilters() {}

  /** Applies one of map, select, reject, selectattr and rejectattr. */
  static Object apply(String name, Object value, Arguments given) {
    List<Object> items = Filters.required(name, value);
    if (name.equals("map")) {
      return mapped(items, given);
    }
    boolean byAttribute = name.endsWith("attr");
    boolean keeps = name.startsWith("select");
    List<Object> arguments = new ArrayList<>(given.positional());
    Object attribute = byAttribute ? given.require(0, "attribute") : None.NONE;
    if (byAttribute) {
      arguments.removeFirst();
    }
    given.allow(4);
    List<Object> kept = new ArrayList<>();
    for (Object item : items) {
      Object tested = byAttribute ? attribute(item, attribute) : item;
      if (passes(tested, arguments) == keeps) {
        kept.add(item);
      }
    }
    return kept;
  }

  private static boolean passes(Object value, List<Object> arguments) {
    Rendering.current().step();
    if (arguments.isEmpty()) {
      return PythonValues.truth(value);
    }
    String test = arguments.getFirst() instanceof String name ? name : "";
    if (!Tests.NAMES.contains(test)) {
      throw new RenderFailure("test '" + test + "' is not supported");
    }
    return Tests.passes(test, value, arguments.subList(1, arguments.size()).toArray());
  }

  private static List<Object> mapped(List<Object> items, Arguments given) {
    Object attribute = given.named().get("attribute");
    Object fallback = given.named().get("default");
    if (attribute != null) {
      given.allow(0, "attribute", "default");
    } else {
      given.allow(4);
    }
    String filter = attribute == null ? given.requireText(0, "filter") : "";
    if (attribute == null && !Filters.NAMES.contains(filter)) {
      throw new RenderFailure("filter '" + filter + "' is not supported");
    }
    List<Object> mapped = new ArrayList<>();
    for (Object item : items) {
      Rendering.current().step();
      if (attribute == null) {
        List<Object> rest = given.positional().subList(1, given.positional().size());
        mapped.add(Filters.apply(filter, item, rest.toArray()));
      } else {
        Object value = attribute(item, attribute);
        mapped.add(value instanceof Undefined && fallback != null ? fallback : value);
      }
    }
    return mapped;
  }

  /** Returns what a dotted name or a place stands for in an item, where keys are attributes too. */
  static Object attribute(Object item, Object attribute) {
    if (attribute instanceof Long) {
      return Operators.item(item, attribute);
    }
    if (!(attribute instanceof String name)) {
      throw new RenderFailure("an attribute must be a text or an integer");
    }
    Object value = item;
    for (Object part : PythonStrings.split(name, ".", -1)) {
      value = Operators.item(value, part);
    }
    return value;
  }
}
