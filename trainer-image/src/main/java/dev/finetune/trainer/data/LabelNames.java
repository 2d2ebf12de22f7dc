package dev.finetune.trainer.data;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.rows.Row;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The names of labels and their indexes. Either they are known before the first row is read, or
 * they are collected while rows are read, after which those of training rows are sorted and no
 * other is known.
 */
public final class LabelNames {
  /** Most labels of a head. */
  static final int MOST = 4096;

  private static final int LONGEST = 256;

  private final List<String> names = new ArrayList<>();
  private final Map<String, Integer> indexes = new HashMap<>();
  private boolean open;

  private LabelNames(boolean open) {
    this.open = open;
  }

  /** Returns names that are known. */
  public static LabelNames known(List<String> names) {
    LabelNames known = new LabelNames(true);
    names.forEach(known::add);
    known.open = false;
    return known;
  }

  /** Returns no names; those that are asked for are added. */
  public static LabelNames collecting() {
    return new LabelNames(true);
  }

  /** Returns the names in the order of their indexes. */
  public List<String> names() {
    return List.copyOf(names);
  }

  /** Returns the name of an index. */
  String name(int index) {
    return names.get(index);
  }

  /**
   * Returns the index of a label by its name or, if names are known, by its index in digits.
   *
   * @throws UnreadableData if there is none; names the line
   */
  int index(Row row, String field, String label) {
    Integer known = indexes.get(label);
    if (known != null) {
      return known;
    }
    if (!open) {
      return indexOf(row, field, label);
    }
    if (label.isEmpty() || label.length() > LONGEST) {
      throw row.broken(
          "field '%s': a label must have 1 to %d characters, had %d"
              .formatted(field, LONGEST, label.length()));
    }
    if (names.size() == MOST) {
      throw row.broken(
          "field '%s': expected at most %d different labels, found more; is the task a regression?"
              .formatted(field, MOST));
    }
    return add(label);
  }

  private int add(String label) {
    indexes.put(label, names.size());
    names.add(label);
    return names.size() - 1;
  }

  private int indexOf(Row row, String field, String label) {
    if (label.matches("\\d{1,4}") && Integer.parseInt(label) < names.size()) {
      return Integer.parseInt(label);
    }
    throw row.broken(
        "field '%s': expected one of the labels %s, found '%s'"
            .formatted(field, shortened(), label.length() > 64 ? label.substring(0, 64) : label));
  }

  private String shortened() {
    int most = 20;
    String some = String.join(", ", names.subList(0, Math.min(most, names.size())));
    return names.size() > most ? some + " and " + (names.size() - most) + " more" : some;
  }

  /**
   * Sorts the names, if they were collected, and closes them: by number if all are whole numbers,
   * else by code points.
   *
   * @param kept whether the label of an index is one, by the training rows; others are forgotten
   * @return for each index that was given the one that holds from now on, -1 for what is forgotten
   */
  int[] close(boolean[] kept) {
    List<String> before = List.copyOf(names);
    if (open) {
      open = false;
      names.removeIf(name -> !kept[before.indexOf(name)]);
      boolean numbers = names.stream().allMatch(name -> name.matches("-?\\d{1,9}"));
      names.sort(numbers ? Comparator.comparing(Integer::valueOf) : Comparator.naturalOrder());
      indexes.clear();
      for (int i = 0; i < names.size(); i++) {
        indexes.put(names.get(i), i);
      }
    }
    return before.stream().mapToInt(name -> indexes.getOrDefault(name, -1)).toArray();
  }

  /** Returns whether names are still collected. */
  boolean isOpen() {
    return open;
  }
}
