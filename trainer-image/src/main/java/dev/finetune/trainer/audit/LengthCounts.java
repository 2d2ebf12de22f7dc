package dev.finetune.trainer.audit;

import java.util.ArrayList;
import java.util.List;

/**
 * Counts lengths in room that does not grow with their number: one by one below 4096, above that 64
 * counters for each power of two.
 */
final class LengthCounts {
  private static final int EXACT_BITS = 12;
  private static final int EXACT = 1 << EXACT_BITS;
  private static final int PART_BITS = 6;
  private static final int PARTS = 1 << PART_BITS;

  private final long[] counts = new long[EXACT + (Integer.SIZE - 1 - EXACT_BITS) * PARTS];
  private long rows;
  private long tokens;
  private int least = Integer.MAX_VALUE;
  private int most;

  /** Counts a length, from 0. */
  void add(int length) {
    counts[place(length)]++;
    rows++;
    tokens += length;
    least = Math.min(least, length);
    most = Math.max(most, length);
  }

  Lengths lengths() {
    if (rows == 0) {
      return new Lengths(0, 0, 0, new Lengths.Percentiles(0, 0, 0, 0), List.of());
    }
    Lengths.Percentiles percentiles =
        new Lengths.Percentiles(percentile(50), percentile(90), percentile(95), percentile(99));
    return new Lengths(least, most, (double) tokens / rows, percentiles, histogram());
  }

  /** Returns the length that at least this share of the rows does not exceed. */
  private int percentile(int percent) {
    long needed = Math.ceilDiv(rows * percent, 100);
    long seen = 0;
    int place = -1;
    while (seen < needed) {
      seen += counts[++place];
    }
    return Math.clamp(greatest(place), least, most);
  }

  /** No counter is of lengths on both sides of a power of two. */
  private List<Lengths.Bar> histogram() {
    long[] inBar = new long[Integer.SIZE];
    for (int place = 0; place < counts.length; place++) {
      inBar[bits(greatest(place))] += counts[place];
    }
    List<Lengths.Bar> bars = new ArrayList<>();
    for (int bits = bits(least); bits <= bits(most); bits++) {
      int from = bits == 0 ? 0 : 1 << (bits - 1);
      bars.add(new Lengths.Bar(from, Math.max(0, 2 * from - 1), inBar[bits]));
    }
    return bars;
  }

  private static int bits(int length) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(length);
  }

  private static int place(int length) {
    if (length < EXACT) {
      return length;
    }
    int octave = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(length);
    int part = (length >>> (octave - PART_BITS)) & (PARTS - 1);
    return EXACT + (octave - EXACT_BITS) * PARTS + part;
  }

  /** Returns the greatest length that a place counts. */
  private static int greatest(int place) {
    if (place < EXACT) {
      return place;
    }
    int octave = EXACT_BITS + (place - EXACT) / PARTS;
    long part = (place - EXACT) % PARTS + PARTS + 1L;
    return (int) Math.min(Integer.MAX_VALUE, (part << (octave - PART_BITS)) - 1);
  }
}
