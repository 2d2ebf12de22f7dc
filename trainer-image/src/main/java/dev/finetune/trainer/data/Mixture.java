package dev.finetune.trainer.data;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.random.CounterRandom;
import java.util.List;
import java.util.function.IntFunction;

/**
 * How often an epoch sees the examples of each source, as a function of seed and epoch.
 *
 * <p>An epoch takes {@code round(weight * count)} examples of a source, but at least one. They come
 * off an endless row of passes over the source, each a permutation of its own: an epoch goes on
 * where the last one stopped, so that at any time no example was seen more than once oftener than
 * another of its source. Then all of an epoch are shuffled together. Without shuffling passes are
 * in the order of the file, and an epoch has one source after the other.
 *
 * @param parts the sources, in the order in which their examples are laid end to end
 */
public record Mixture(List<Part> parts) {
  private static final long PURPOSE = 0x6d697874757265L;

  /** Steps of an epoch are counted, and its places kept, as 4 bytes each. */
  private static final long MOST_EXAMPLES = 1 << 28;

  /**
   * The examples of a source.
   *
   * @param count how many there are
   * @param weight how many times an epoch sees them, above 0
   */
  public record Part(int count, double weight) {
    /** Checks both. */
    public Part {
      if (count < 0 || !(weight > 0)) {
        throw new IllegalArgumentException("no part: " + count + " of weight " + weight);
      }
    }

    /** Returns how many examples an epoch takes. */
    long taken() {
      return count == 0 ? 0 : Math.max(1, Math.round(weight * count));
    }
  }

  /** Keeps an unmodifiable copy of the list, and checks what an epoch takes. */
  public Mixture {
    parts = List.copyOf(parts);
    double all = parts.stream().mapToDouble(Part::taken).sum();
    if (all > MOST_EXAMPLES) {
      throw new InvalidConfiguration(
          "spec.dataset.mixture: an epoch must have at most %d examples, has %.0f"
              .formatted(MOST_EXAMPLES, all));
    }
  }

  /** Returns the mixture of one source, of which an epoch sees every example once. */
  public static Mixture ofOne(int count) {
    return new Mixture(List.of(new Part(count, 1)));
  }

  /** Returns how many examples an epoch has. */
  public int epochSize() {
    return Math.toIntExact(parts.stream().mapToLong(Part::taken).sum());
  }

  /**
   * Returns the places of the examples in the order in which each epoch visits them. The newest one
   * is kept, so that the cost of a step does not grow with the number of examples; used by one
   * thread.
   */
  public IntFunction<int[]> epochs(long seed, boolean shuffle) {
    return new IntFunction<>() {
      private int newest = -1;
      private int[] places = {};

      @Override
      public int[] apply(int epoch) {
        if (epoch != newest) {
          places = epoch(seed, epoch, shuffle);
          newest = epoch;
        }
        return places;
      }
    };
  }

  /** Returns the places of the examples in the order in which an epoch, from 0, visits them. */
  public int[] epoch(long seed, int epoch, boolean shuffle) {
    int[] taken = new int[epochSize()];
    int end = 0;
    int first = 0;
    for (int source = 0; source < parts.size(); source++) {
      Part part = parts.get(source);
      int count = Math.toIntExact(part.taken());
      boolean whole = count == 0 || count % part.count() == 0;
      Passes passes = new Passes(seed, source, part.count(), shuffle && !whole);
      long start = (long) epoch * count;
      for (int i = 0; i < count; i++) {
        taken[end++] = first + passes.at(start + i);
      }
      first += part.count();
    }
    int[] order = ExampleOrder.permutation(seed, epoch, taken.length, shuffle);
    for (int i = 0; i < order.length; i++) {
      order[i] = taken[order[i]];
    }
    return order;
  }

  /** The endless row of passes over a source. */
  private static final class Passes {
    private final long seed;
    private final int source;
    private final int count;
    private final boolean shuffled;
    private long newest = -1;
    private int[] places = {};

    /** Whole passes need no order of their own, as the epoch is shuffled after. */
    Passes(long seed, int source, int count, boolean shuffled) {
      this.seed = seed;
      this.source = source;
      this.count = count;
      this.shuffled = shuffled;
    }

    int at(long place) {
      int within = (int) (place % count);
      if (!shuffled) {
        return within;
      }
      long pass = place / count;
      if (pass != newest) {
        places = ExampleOrder.shuffled(CounterRandom.key(PURPOSE, seed, source, pass), count);
        newest = pass;
      }
      return places[within];
    }
  }
}
