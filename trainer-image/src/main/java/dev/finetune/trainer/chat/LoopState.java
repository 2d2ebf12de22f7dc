package dev.finetune.trainer.chat;

import java.util.List;

/** What {@code loop} stands for within a loop. */
final class LoopState {
  private final List<Object> items;
  private final int depth;
  private int index;

  /**
   * Makes one that stands at the first item.
   *
   * @param depth from 1; only a recursive loop would have more
   */
  LoopState(List<Object> items, int depth) {
    this.items = items;
    this.depth = depth;
  }

  /** Goes on to an item, from 0. */
  void at(int item) {
    index = item;
  }

  /** Returns an attribute. */
  Object attribute(String name) {
    int size = items.size();
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) (size - index);
      case "revindex0" -> (long) (size - index - 1);
      case "first" -> index == 0;
      case "last" -> index == size - 1;
      case "length" -> (long) size;
      case "depth" -> (long) depth;
      case "depth0" -> depth - 1L;
      case "previtem" ->
          index == 0 ? new Undefined("the item before the first") : items.get(index - 1);
      case "nextitem" ->
          index == size - 1 ? new Undefined("the item after the last") : items.get(index + 1);
      default -> throw new RenderFailure("'loop." + name + "' is not supported");
    };
  }

  /** Returns the one of some values whose turn it is. */
  Object cycle(Object[] values) {
    if (values.length == 0) {
      throw new RenderFailure("'loop.cycle' needs a value");
    }
    return values[index % values.length];
  }
}
