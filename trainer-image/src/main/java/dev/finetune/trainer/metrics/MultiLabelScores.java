package dev.finetune.trainer.metrics;

import dev.finetune.api.spec.Metric;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * How well several labels of a text are predicted. An example is accurate if all labels are right;
 * F1 is averaged over all labels.
 */
public final class MultiLabelScores {
  private final List<String> labels;
  private final Losses losses = new Losses();
  private final List<Pair> pairs = new ArrayList<>();

  private record Pair(boolean[] actual, boolean[] predicted) {}

  /** Makes one that has taken in nothing. */
  public MultiLabelScores(List<String> labels) {
    this.labels = List.copyOf(labels);
  }

  /** Takes in an example: whether it has each label, and whether that was said. */
  public void add(int example, double term, boolean[] actual, boolean[] predicted) {
    losses.beginBatch();
    losses.add(example, term);
    pairs.add(new Pair(actual.clone(), predicted.clone()));
  }

  /** Returns the metrics of all that was taken in, at least one example. */
  public Measured measured() {
    Map<Metric, Statistic> statistics = new EnumMap<>(Metric.class);
    statistics.put(
        Metric.ACCURACY,
        Ratio.mean(
            pairs.stream()
                .mapToDouble(pair -> Arrays.equals(pair.actual(), pair.predicted()) ? 1 : 0)
                .toArray()));
    statistics.put(Metric.MACRO_F1, times -> counts(times).macroF1(true));
    statistics.put(Metric.MICRO_F1, times -> counts(times).microF1());
    int[] once = new int[pairs.size()];
    Arrays.fill(once, 1);
    ClassTable classes = new ClassTable(counts(once).scores(labels), null);
    return Summary.of(losses, statistics, new Summary.Tables(null, classes, null), false);
  }

  private ClassCounts counts(int[] times) {
    ClassCounts counts = new ClassCounts(labels.size());
    for (int i = 0; i < times.length; i++) {
      Pair pair = pairs.get(i);
      for (int label = 0; label < pair.actual().length; label++) {
        counts.addActual(label, pair.actual()[label] ? times[i] : 0);
        counts.addPredicted(label, pair.predicted()[label] ? times[i] : 0);
        counts.addBoth(label, pair.actual()[label] && pair.predicted()[label] ? times[i] : 0);
      }
    }
    return counts;
  }
}
