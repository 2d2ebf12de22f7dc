package dev.finetune.trainer.metrics;

import dev.finetune.api.spec.Metric;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How well one label of a text, or of each word, is predicted. F1 is averaged over the labels that
 * occur or are predicted, as scikit-learn does it.
 */
public final class LabelScores {
  private static final int MOST_CONFUSED = 64;

  private final List<String> labels;
  private final boolean words;
  private final Losses losses = new Losses();
  private final Calibration calibration = new Calibration();
  private int[] examples = new int[64];
  private int[] actual = new int[64];
  private int[] predicted = new int[64];
  private int count;

  /**
   * Makes one that has taken in nothing.
   *
   * @param words whether words are labelled, so that there may be entities
   */
  public LabelScores(List<String> labels, boolean words) {
    this.labels = List.copyOf(labels);
    this.words = words;
  }

  /** Says that what comes is of other examples than what came. */
  public void beginBatch() {
    losses.beginBatch();
  }

  /** A label and what was said: indexes, and the probability of what was predicted. */
  public record Prediction(int actual, int predicted, double confidence) {}

  /**
   * Takes in a term.
   *
   * @param prediction null for a sub-word that only the loss counts
   */
  public void add(int example, double term, @Nullable Prediction prediction) {
    int place = losses.add(example, term);
    if (prediction == null) {
      return;
    }
    if (count == examples.length) {
      examples = Arrays.copyOf(examples, 2 * count);
      actual = Arrays.copyOf(actual, 2 * count);
      predicted = Arrays.copyOf(predicted, 2 * count);
    }
    examples[count] = place;
    actual[count] = prediction.actual();
    predicted[count] = prediction.predicted();
    count++;
    calibration.add(prediction.confidence(), prediction.actual() == prediction.predicted());
  }

  /** Returns the metrics of all that was taken in, at least one term. */
  public Measured measured() {
    Map<Metric, Statistic> statistics = new EnumMap<>(Metric.class);
    statistics.put(Metric.ACCURACY, accuracy());
    statistics.put(Metric.MACRO_F1, times -> counts(times).macroF1(false));
    statistics.put(Metric.MICRO_F1, times -> counts(times).microF1());
    Entities entities = words && Entities.areEntities(labels) ? entities() : null;
    if (entities != null) {
      statistics.put(Metric.ENTITY_F1, entities.f1());
    }
    int[] once = new int[losses.examples()];
    Arrays.fill(once, 1);
    ClassTable classes = new ClassTable(counts(once).scores(labels), confusion());
    return Summary.of(
        losses,
        statistics,
        new Summary.Tables(
            calibration.error(), classes, entities == null ? null : entities.table()),
        false);
  }

  private Ratio accuracy() {
    double[] right = new double[losses.examples()];
    double[] all = new double[losses.examples()];
    for (int i = 0; i < count; i++) {
      right[examples[i]] += actual[i] == predicted[i] ? 1 : 0;
      all[examples[i]]++;
    }
    return new Ratio(right, all);
  }

  private ClassCounts counts(int[] times) {
    ClassCounts counts = new ClassCounts(labels.size());
    for (int i = 0; i < count; i++) {
      int often = times[examples[i]];
      counts.addActual(actual[i], often);
      counts.addPredicted(predicted[i], often);
      if (actual[i] == predicted[i]) {
        counts.addBoth(actual[i], often);
      }
    }
    return counts;
  }

  private @Nullable List<List<Long>> confusion() {
    int size = labels.size();
    if (size > MOST_CONFUSED) {
      return null;
    }
    long[][] counts = new long[size][size];
    for (int i = 0; i < count; i++) {
      counts[actual[i]][predicted[i]]++;
    }
    return Arrays.stream(counts).map(row -> Arrays.stream(row).boxed().toList()).toList();
  }

  /** Cuts the words into examples, which follow each other. */
  private Entities entities() {
    Entities entities = new Entities(losses.examples());
    for (int i = 0; i < count; ) {
      List<String> is = new ArrayList<>();
      List<String> said = new ArrayList<>();
      int example = examples[i];
      for (; i < count && examples[i] == example; i++) {
        is.add(labels.get(actual[i]));
        said.add(labels.get(predicted[i]));
      }
      entities.add(example, is, said);
    }
    return entities;
  }
}
