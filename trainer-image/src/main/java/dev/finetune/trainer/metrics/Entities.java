package dev.finetune.trainer.metrics;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Entities of labelled words: those of the rules of CoNLL's {@code conlleval}, which seqeval
 * follows unless it is told to be strict. An entity is right if its type and both ends are.
 *
 * @see <a href="https://aclanthology.org/W00-0726">Introduction to the CoNLL-2000 shared task</a>
 */
final class Entities {
  private static final String OUTSIDE = "O";

  private final double[] right;
  private final double[] found;
  private final Map<String, long[]> types = new TreeMap<>();

  /** An entity: the first and last of its words. */
  record Span(String type, int first, int last) {}

  Entities(int examples) {
    right = new double[examples];
    found = new double[examples];
  }

  /** Returns whether labels are {@code O} and such as {@code B-PER}: of B, I, E and S. */
  static boolean areEntities(List<String> labels) {
    return labels.contains(OUTSIDE)
        && labels.size() > 1
        && labels.stream().allMatch(label -> label.equals(OUTSIDE) || label.matches("[BIES]-.+"));
  }

  /** Takes in the words of an example. */
  void add(int example, List<String> actual, List<String> predicted) {
    Set<Span> is = new HashSet<>(spans(actual));
    List<Span> said = spans(predicted);
    for (Span span : is) {
      type(span)[2]++;
    }
    for (Span span : said) {
      type(span)[1]++;
      if (is.contains(span)) {
        type(span)[0]++;
        right[example] += 2;
      }
    }
    found[example] += is.size() + said.size();
  }

  private long[] type(Span span) {
    return types.computeIfAbsent(span.type(), _ -> new long[3]);
  }

  /** Returns F1 over the entities of all types, 0 if there are none. */
  Statistic f1() {
    Ratio ratio = new Ratio(right, found);
    return times -> {
      double f1 = ratio.of(times);
      return Double.isNaN(f1) ? 0 : f1;
    };
  }

  /** Returns the scores of each type. */
  ClassTable table() {
    ClassCounts counts = new ClassCounts(types.size());
    int place = 0;
    for (long[] numbers : types.values()) {
      counts.both()[place] = numbers[0];
      counts.predicted()[place] = numbers[1];
      counts.actual()[place] = numbers[2];
      place++;
    }
    return new ClassTable(counts.scores(List.copyOf(types.keySet())), null);
  }

  /** Returns the entities of a sentence, in order. */
  static List<Span> spans(List<String> labels) {
    List<Span> spans = new ArrayList<>();
    String before = OUTSIDE;
    int first = 0;
    for (int i = 0; i <= labels.size(); i++) {
      String label = i < labels.size() ? labels.get(i) : OUTSIDE;
      if (ends(before, label)) {
        spans.add(new Span(type(before), first, i - 1));
      }
      if (begins(before, label)) {
        first = i;
      }
      before = label;
    }
    return spans;
  }

  private static String type(String label) {
    return label.equals(OUTSIDE) ? "" : label.substring(2);
  }

  /** Returns whether an entity that the label before is of ends there. */
  private static boolean ends(String before, String label) {
    return switch (before.charAt(0)) {
      case 'E', 'S' -> true;
      case 'O' -> false;
      default ->
          switch (label.charAt(0)) {
            case 'B', 'S', 'O' -> true;
            default -> !type(before).equals(type(label));
          };
    };
  }

  /** Returns whether an entity begins with a label. */
  private static boolean begins(String before, String label) {
    return switch (label.charAt(0)) {
      case 'B', 'S' -> true;
      case 'O' -> false;
      default ->
          switch (before.charAt(0)) {
            case 'E', 'S', 'O' -> true;
            default -> !type(before).equals(type(label));
          };
    };
  }
}
