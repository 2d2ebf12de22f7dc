package dev.finetune.trainer.run;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * How an attempt computes. Two attempts that are alike in it get the same bits from the same state.
 *
 * @param threads threads of one product: reductions are cut among them
 * @param tokenBudget most tokens of a micro-batch: gradients are summed in its order
 * @param recompute whether blocks are computed again on the way back; the numbers are the same
 * @param precision {@code fp32} or {@code bf16}
 * @param device {@code cpu}, or {@code cuda} and the compute capability
 * @param processor model of the processor: libraries choose the sizes of blocks by its caches
 * @param instructions sets of instructions by which libraries choose kernels, separated by spaces
 * @param versions versions of what computes, by name
 */
public record Computation(
    int threads,
    int tokenBudget,
    boolean recompute,
    String precision,
    String device,
    String processor,
    String instructions,
    SortedMap<String, String> versions) {
  /** Copies the versions. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public Computation {
    Map<String, String> given = versions == null ? Map.of() : versions;
    versions = Collections.unmodifiableSortedMap(new TreeMap<>(given));
  }

  /** Returns in what this differs from another one as far as bits depend on it, for people. */
  List<String> differencesFrom(Computation other) {
    List<String> differences = new ArrayList<>();
    if (threads != other.threads) {
      differences.add(
          threads + (threads == 1 ? " thread" : " threads") + " instead of " + other.threads);
    }
    if (tokenBudget != other.tokenBudget) {
      differences.add("a token budget of " + tokenBudget + " instead of " + other.tokenBudget);
    }
    compare(differences, "precision", precision, other.precision);
    compare(differences, "device", device, other.device);
    compare(differences, "processor", processor, other.processor);
    compare(differences, "instructions", instructions, other.instructions);
    TreeSet<String> names = new TreeSet<>(versions.keySet());
    names.addAll(other.versions.keySet());
    for (String name : names) {
      compare(differences, name, version(name), other.version(name));
    }
    return differences;
  }

  private String version(String name) {
    return versions.getOrDefault(name, "unknown");
  }

  private static void compare(List<String> differences, String what, String now, String before) {
    if (!now.equals(before)) {
      differences.add(what + " " + now + " instead of " + before);
    }
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  boolean isWhole() {
    return precision != null && device != null && processor != null && instructions != null;
  }
}
