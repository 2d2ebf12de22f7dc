package dev.finetune.trainer.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.api.spec.Metric;
import dev.finetune.trainer.random.CounterRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Metrics against numbers of scikit-learn 1.9, scipy 1.17 and seqeval 1.2. */
class MetricsTest {
  private static final List<String> LABELS = List.of("a", "b", "c", "d");
  private static final int[] ACTUAL = {
    0, 1, 0, 2, 1, 1, 0, 0, 0, 0, 1, 2, 1, 0, 0, 2, 2, 1, 1, 0, 0, 1, 0, 0, 2, 1, 1, 0, 0, 1, 1, 2,
    2, 1, 0, 2, 1, 2, 1, 2
  };
  private static final int[] PREDICTED = {
    0, 1, 0, 2, 1, 1, 2, 1, 0, 0, 1, 2, 1, 0, 0, 2, 3, 1, 1, 0, 3, 1, 0, 2, 1, 0, 1, 0, 0, 0, 1, 2,
    2, 1, 2, 2, 1, 2, 3, 0
  };
  private static final double[] CONFIDENCE = {
    0.477, 0.402, 0.589, 0.361, 0.542, 0.972, 0.505, 0.267, 0.293, 0.385, 0.84, 0.528, 0.475, 0.332,
    0.986, 0.574, 0.414, 0.304, 0.301, 0.385, 0.761, 0.371, 0.29, 0.623, 0.444, 0.998, 0.35, 0.652,
    0.833, 0.563, 0.991, 0.614, 0.439, 0.564, 0.287, 0.572, 0.444, 0.918, 0.875, 0.629
  };

  @Test
  void oneLabelIsScoredAsScikitLearnDoes() {
    LabelScores scores = new LabelScores(LABELS, false);
    for (int i = 0; i < ACTUAL.length; i++) {
      scores.beginBatch();
      scores.add(i, 0.5, new LabelScores.Prediction(ACTUAL[i], PREDICTED[i], CONFIDENCE[i]));
    }
    Measured measured = scores.measured();
    assertThat(measured.values().get(Metric.LOSS)).isCloseTo(0.5, within(1e-12));
    assertThat(measured.values().get(Metric.ACCURACY)).isCloseTo(0.725, within(1e-12));
    assertThat(measured.values().get(Metric.MICRO_F1)).isCloseTo(0.725, within(1e-12));
    assertThat(measured.values().get(Metric.MACRO_F1)).isCloseTo(0.5604679802955665, within(1e-12));
    assertThat(measured.calibrationError()).isCloseTo(0.3222, within(1e-12));
    assertThat(measured.classes().classes())
        .containsExactly(
            new ClassScore("a", 10 / 13.0, 10 / 15.0, 20 / 28.0, 15),
            new ClassScore("b", 12 / 14.0, 12 / 15.0, 24 / 29.0, 15),
            new ClassScore("c", 0.7, 0.7, 0.7, 10),
            new ClassScore("d", 0, 0, 0, 0));
    assertThat(measured.classes().confusion())
        .containsExactly(
            List.of(10L, 1L, 3L, 1L),
            List.of(2L, 12L, 0L, 1L),
            List.of(1L, 1L, 7L, 1L),
            List.of(0L, 0L, 0L, 0L));
  }

  @Test
  void severalLabelsAreScoredAsScikitLearnDoes() {
    String actual = "100 000 001 001 000 101 001 100 001 101 010 000";
    String predicted = "000 011 001 001 100 111 010 100 101 111 011 001";
    MultiLabelScores scores = new MultiLabelScores(List.of("x", "y", "z"));
    for (int i = 0; i < 12; i++) {
      scores.add(i, 0, bits(actual.split(" ", -1)[i]), bits(predicted.split(" ", -1)[i]));
    }
    Map<Metric, Double> values = scores.measured().values();
    assertThat(values.get(Metric.ACCURACY)).isCloseTo(0.25, within(1e-12));
    assertThat(values.get(Metric.MACRO_F1)).isCloseTo(0.5714285714285715, within(1e-12));
    assertThat(values.get(Metric.MICRO_F1)).isCloseTo(0.6206896551724138, within(1e-12));
  }

  private static boolean[] bits(String text) {
    boolean[] bits = new boolean[text.length()];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = text.charAt(i) == '1';
    }
    return bits;
  }

  @Test
  void numbersAreCorrelatedAsScipyDoesWithTies() {
    double[] x = {0, 0, 4, 4, 3, 3, 3, 6, 4, 2, 5, 0, 5, 1, 6};
    double[] y = {2, 2, 7, 7, 5, 5, 0, 6, 4, -1, 5, -2, 8, 2, 4};
    NumberScores scores = new NumberScores();
    for (int i = 0; i < x.length; i++) {
      scores.add(i, 1, x[i], y[i]);
    }
    Map<Metric, Double> values = scores.measured().values();
    assertThat(values.get(Metric.PEARSON)).isCloseTo(0.6963307364434097, within(1e-12));
    assertThat(values.get(Metric.SPEARMAN)).isCloseTo(0.7052966680365007, within(1e-12));
  }

  @Test
  void aCorrelationWithConstantsIsNone() {
    NumberScores scores = new NumberScores();
    scores.add(0, 1, 1, 3);
    scores.add(1, 1, 2, 3);
    Measured measured = scores.measured();
    assertThat(measured.values()).containsEntry(Metric.PEARSON, 0.0);
    assertThat(measured.intervals()).doesNotContainKey(Metric.PEARSON);
  }

  @Test
  void entitiesAreThoseOfSeqeval() {
    assertThat(spans("O B-PER I-PER O B-LOC")).containsExactly("PER 1-2", "LOC 4-4");
    assertThat(spans("B-PER B-PER")).containsExactly("PER 0-0", "PER 1-1");
    assertThat(spans("I-PER I-LOC O I-LOC")).containsExactly("PER 0-0", "LOC 1-1", "LOC 3-3");
    assertThat(spans("B-PER I-LOC")).containsExactly("PER 0-0", "LOC 1-1");
    assertThat(spans("B-X I-X E-X I-X S-X S-X"))
        .containsExactly("X 0-2", "X 3-3", "X 4-4", "X 5-5");
    assertThat(spans("O O")).isEmpty();
  }

  private static List<String> spans(String labels) {
    return Entities.spans(Arrays.asList(labels.split(" "))).stream()
        .map(span -> span.type() + " " + span.first() + "-" + span.last())
        .toList();
  }

  @Test
  void entityF1CountsWholeEntities() {
    List<String> labels = List.of("O", "B-PER", "I-PER", "B-LOC");
    int[][] actual = {{1, 2, 0, 3}, {0, 1}, {3}};
    int[][] predicted = {{1, 2, 0, 3}, {1, 2}, {0}};
    LabelScores scores = new LabelScores(labels, true);
    for (int example = 0; example < actual.length; example++) {
      for (int i = 0; i < actual[example].length; i++) {
        scores.add(
            example, 1, new LabelScores.Prediction(actual[example][i], predicted[example][i], 0.5));
        scores.add(example, 1, null);
      }
    }
    Measured measured = scores.measured();
    // Two of four are found, and three are said.
    assertThat(measured.values().get(Metric.ENTITY_F1)).isCloseTo(4 / 7.0, within(1e-12));
    assertThat(measured.entities().classes())
        .containsExactly(
            new ClassScore("LOC", 1, 0.5, 2 / 3.0, 2), new ClassScore("PER", 0.5, 0.5, 0.5, 2));
    assertThat(measured.terms()).as("sub-words count for the loss").isEqualTo(14);
  }

  @Test
  void labelsWithoutBordersHaveNoEntities() {
    LabelScores scores = new LabelScores(List.of("NOUN", "VERB"), true);
    scores.add(0, 1, new LabelScores.Prediction(0, 1, 0.9));
    assertThat(scores.measured().values()).doesNotContainKey(Metric.ENTITY_F1);
  }

  @Test
  void anAnswerIsExactIfAllItsTokensAreTheLikeliest() {
    TokenScores scores = new TokenScores();
    scores.add(7, 1, true);
    scores.add(7, 2, true);
    scores.add(9, 3, true);
    scores.add(9, 6, false);
    Measured measured = scores.measured();
    assertThat(measured.values())
        .containsEntry(Metric.LOSS, 3.0)
        .containsEntry(Metric.TOKEN_ACCURACY, 0.75)
        .containsEntry(Metric.EXACT_MATCH, 0.5);
    assertThat(measured.perplexity()).isCloseTo(Math.exp(3), within(1e-9));
  }

  @Test
  void intervalsCoverTheTruthAboutAsOftenAsTheySay() {
    int covered = 0;
    int trials = 60;
    for (int trial = 0; trial < trials; trial++) {
      double[] values = new double[80];
      for (int i = 0; i < values.length; i++) {
        values[i] = CounterRandom.normal(CounterRandom.key(trial), i);
      }
      Interval interval =
          Bootstrap.intervals(80, 80, Map.of("mean", Ratio.mean(values))).get("mean");
      covered += interval.low() <= 0 && interval.high() >= 0 ? 1 : 0;
    }
    assertThat(covered).isBetween(51, 60);
  }

  @Property(tries = 60)
  void accuracyIsTheMicroF1AndLiesInItsInterval(
      @ForAll @Size(min = 1, max = 30) List<@IntRange(min = 0, max = 3) Integer> actual,
      @ForAll long seed) {
    LabelScores scores = new LabelScores(LABELS, false);
    for (int i = 0; i < actual.size(); i++) {
      int said = (int) (4 * CounterRandom.uniform(seed, i));
      scores.add(i, i, new LabelScores.Prediction(actual.get(i), said, 0.7));
    }
    Measured measured = scores.measured();
    double accuracy = measured.values().get(Metric.ACCURACY);
    assertThat(measured.values().get(Metric.MICRO_F1)).isCloseTo(accuracy, within(1e-12));
    measured
        .intervals()
        .forEach(
            (metric, interval) -> {
              assertThat(interval.low()).isLessThanOrEqualTo(interval.high());
              assertThat(interval.low()).isLessThanOrEqualTo(measured.values().get(metric) + 1e-9);
            });
    assertThat(scores.measured()).as("the same again").isEqualTo(measured);
  }

  @Property(tries = 100)
  void anExampleThatCountsTwiceIsTwoExamples(
      @ForAll @Size(min = 3, max = 12) List<@IntRange(min = -5, max = 5) Integer> x,
      @ForAll long seed) {
    double[] a = x.stream().mapToDouble(v -> v).toArray();
    double[] b = IntStream.range(0, a.length).mapToDouble(i -> a[i] + noise(seed, i)).toArray();
    int[] times =
        IntStream.range(0, a.length)
            .map(i -> (int) (3 * CounterRandom.uniform(~seed, i)))
            .toArray();
    List<double[]> pairs = new ArrayList<>();
    for (int i = 0; i < a.length; i++) {
      for (int t = 0; t < times[i]; t++) {
        pairs.add(new double[] {a[i], b[i]});
      }
    }
    double[] longA = pairs.stream().mapToDouble(pair -> pair[0]).toArray();
    double[] longB = pairs.stream().mapToDouble(pair -> pair[1]).toArray();
    int[] once = new int[longA.length];
    Arrays.fill(once, 1);
    same(Correlation.pearson(a, b).of(times), Correlation.pearson(longA, longB).of(once));
    same(Correlation.spearman(a, b).of(times), Correlation.spearman(longA, longB).of(once));
    same(Ratio.mean(a).of(times), Ratio.mean(longA).of(once));
  }

  private static double noise(long seed, int i) {
    return Math.rint(4 * CounterRandom.uniform(seed, i));
  }

  private static void same(double actual, double expected) {
    if (Double.isNaN(expected)) {
      assertThat(actual).isNaN();
    } else {
      assertThat(actual).isCloseTo(expected, within(1e-9));
    }
  }
}
