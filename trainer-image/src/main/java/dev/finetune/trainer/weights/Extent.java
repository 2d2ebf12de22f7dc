package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnreadableData;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** Bytes of one tensor: its name, where they begin in the data section and where they end. */
record Extent(String name, long begin, long end) {

  /** Returns the extents in the order of the file, or fails if two of them share a byte. */
  static List<Extent> requireDisjoint(String source, List<Extent> extents) {
    List<Extent> sorted =
        extents.stream()
            .sorted(Comparator.comparingLong(Extent::begin).thenComparingLong(Extent::end))
            .toList();
    for (int i = 1; i < sorted.size(); i++) {
      Extent before = sorted.get(i - 1);
      Extent after = sorted.get(i);
      if (after.begin < before.end) {
        throw new UnreadableData(
            "%s: tensors '%s' and '%s' overlap at byte %d of the data"
                .formatted(source, before.name, after.name, after.begin));
      }
    }
    return sorted;
  }

  /** Returns the number of elements of a shape, or fails where it is more than a long holds. */
  static long elements(String source, String name, long[] shape) {
    long elements = 1;
    try {
      for (long size : shape) {
        elements = Math.multiplyExact(elements, size);
      }
    } catch (ArithmeticException e) {
      throw new UnreadableData(
          "%s: tensor '%s': shape %s has more elements than any file"
              .formatted(source, name, Arrays.toString(shape)),
          e);
    }
    return elements;
  }
}
