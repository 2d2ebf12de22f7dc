package dev.finetune.trainer.plan;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Allocations that are imagined in the order of a program, and the most that is held at a time.
 *
 * <p>There are two counts. <em>Tensors</em> are what the engine counts too: results of kernels
 * until they are closed. <em>All</em> adds what a kernel allocates and frees before it returns.
 */
final class Ledger {
  private final Map<String, Long> live = new LinkedHashMap<>();
  private final SequencedMap<Phase, Peak> peaks = new LinkedHashMap<>();
  private long tensors;
  private Phase phase = Phase.LOADING;

  /** What is held at the worst moment of a phase. */
  private static final class Peak {
    private long tensors;
    private long all;
    private Map<String, Long> allocations = Map.of();
  }

  /** A tensor that is imagined. Views share an allocation. */
  static final class Allocation {
    private final String name;
    private final long bytes;
    private int holders = 1;

    private Allocation(String name, long bytes) {
      this.name = name;
      this.bytes = bytes;
    }

    long bytes() {
      return bytes;
    }
  }

  /** Owns allocations as the engine's scope owns tensors. */
  final class Scope implements AutoCloseable {
    private final List<Allocation> owned = new ArrayList<>();

    /** Holds a new tensor. */
    Allocation hold(String name, long bytes) {
      return within(name, bytes, 0);
    }

    /**
     * Holds the result of a kernel that needs more while it runs.
     *
     * @param more bytes that are freed before the kernel returns
     */
    Allocation within(String name, long bytes, long more) {
      Allocation allocation = new Allocation(name, bytes);
      add(name, bytes);
      note("inside the kernel of " + name, more);
      owned.add(allocation);
      return allocation;
    }

    /** Holds another view of an allocation. */
    Allocation view(Allocation allocation) {
      allocation.holders++;
      owned.add(allocation);
      return allocation;
    }

    Allocation release(Allocation allocation) {
      int last = owned.lastIndexOf(allocation);
      if (last < 0) {
        throw new IllegalArgumentException("the scope does not hold " + allocation.name);
      }
      return owned.remove(last);
    }

    /** Returns what has been held longest. */
    Allocation first() {
      return owned.getFirst();
    }

    /** Returns what is held since last. */
    Allocation last() {
      return owned.getLast();
    }

    Allocation own(Allocation allocation) {
      owned.add(allocation);
      return allocation;
    }

    void free(Allocation allocation) {
      drop(release(allocation));
    }

    @Override
    public void close() {
      owned.reversed().forEach(Ledger.this::drop);
      owned.clear();
    }
  }

  Scope scope() {
    return new Scope();
  }

  /** Says which part of a run comes now. */
  void enter(Phase next) {
    phase = next;
    note("", 0);
  }

  /** Runs a kernel that leaves nothing behind. */
  void run(String kernel, long more) {
    note("inside the kernel of " + kernel, more);
  }

  private void add(String name, long bytes) {
    live.merge(name, bytes, Long::sum);
    tensors += bytes;
  }

  private void drop(Allocation allocation) {
    if (--allocation.holders == 0) {
      long left = live.merge(allocation.name, -allocation.bytes, Long::sum);
      if (left == 0) {
        live.remove(allocation.name);
      }
      tensors -= allocation.bytes;
    }
  }

  private void note(String kernel, long more) {
    Peak peak = peaks.computeIfAbsent(phase, _ -> new Peak());
    peak.tensors = Math.max(peak.tensors, tensors);
    if (tensors + more > peak.all) {
      peak.all = tensors + more;
      Map<String, Long> allocations = new LinkedHashMap<>(live);
      if (more > 0) {
        allocations.put(kernel, more);
      }
      peak.allocations = allocations;
    }
  }

  /** Returns the tensors that are held now. */
  long tensors() {
    return tensors;
  }

  /** Returns the worst moment of every phase that was entered, in their order. */
  List<PhasePeak> peaks() {
    List<PhasePeak> result = new ArrayList<>();
    peaks.forEach(
        (when, peak) -> {
          List<MemoryPlan.Allocation> allocations = new ArrayList<>();
          peak.allocations.forEach(
              (name, bytes) -> allocations.add(new MemoryPlan.Allocation(name, bytes)));
          result.add(new PhasePeak(when, peak.tensors, peak.all, List.copyOf(allocations)));
        });
    return List.copyOf(result);
  }
}
