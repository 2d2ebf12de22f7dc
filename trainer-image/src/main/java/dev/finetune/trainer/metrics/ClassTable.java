package dev.finetune.trainer.metrics;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How well each label, or each type of entity, is told from the others.
 *
 * @param classes scores in the order of the labels
 * @param confusion how often a label (row) was predicted as another (column), in the order of the
 *     labels; null where a place may have several labels, or for entities
 */
public record ClassTable(List<ClassScore> classes, @Nullable List<List<Long>> confusion) {
  /** Copies the lists. */
  public ClassTable {
    classes = List.copyOf(classes);
    confusion = confusion == null ? null : confusion.stream().map(List::copyOf).toList();
  }
}
