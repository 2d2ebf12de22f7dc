package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.trainer.train.ExampleLosses.Course;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LossRankingTest {
  private static final int EXAMPLES = 200;
  private static final int WRONG = 37;
  private static final int HARD = 11;

  private final ExampleLosses losses = new ExampleLosses(EXAMPLES);

  @Test
  void keepsFirstLastAndMeanOfEachExampleAndItsDistanceToTheStep() {
    add(List.of(3, 5), 1.0, new double[] {2, 1});
    add(List.of(5, 3), 0.5, new double[] {1, 0.5});
    Course course = losses.of(3).orElseThrow();
    assertThat(course).isEqualTo(new Course(2, 0.5, 1.25, 0.5, 2));
    assertThat(losses.of(5).orElseThrow().excess()).isCloseTo(0.25, within(1e-6));
    assertThat(losses.of(4)).isEmpty();
  }

  @Test
  void passesOverExamplesWithoutTermsAndThoseOfNoPlace() {
    losses.add(
        List.of(0, -1),
        new StepResult(1, 1, 0, 0, 0, 0, List.of(new ExampleLoss(0, 0), new ExampleLoss(4, 2))));
    assertThat(new LossRanking(losses, place -> 1).hardest(5)).isEmpty();
    assertThatThrownBy(() -> add(List.of(1), 1, new double[] {1, 2}))
        .hasMessage("expected as many places as losses, 2, found 1");
  }

  @Test
  void ranksTheHardestByTheirLastLoss() {
    add(List.of(1, 2, 3), 2, new double[] {5, 1, 3});
    add(List.of(1), 1, new double[] {0.5});
    assertThat(new LossRanking(losses, place -> 1).hardest(2))
        .extracting(LossRanking.Ranked::place)
        .containsExactly(3, 2);
  }

  /**
   * Losses fall from epoch to epoch. One row begins as high as a wrong one and is learned; the
   * wrong one stays. Rows of few terms vary more.
   */
  @Test
  void suspectsTheRowThatStaysHighWhileTheRestFalls() {
    for (int epoch = 0; epoch < 3; epoch++) {
      epoch(epoch);
    }
    LossRanking ranking = new LossRanking(losses, LossRankingTest::terms);
    assertThat(ranking.suspects(10)).extracting(LossRanking.Ranked::place).containsExactly(WRONG);
    assertThat(ranking.suspects(10).getFirst().score()).isGreaterThan(3.5);
    assertThat(ranking.hardest(1)).extracting(LossRanking.Ranked::place).containsExactly(WRONG);
  }

  @Test
  void suspectsNobodyAmongFewRowsOrEqualOnes() {
    add(List.of(0, 1, 2), 1, new double[] {0.1, 0.1, 9});
    assertThat(new LossRanking(losses, place -> 1).suspects(10)).isEmpty();
    List<Integer> all = IntStream.range(0, EXAMPLES).boxed().toList();
    ExampleLosses equal = new ExampleLosses(EXAMPLES);
    equal.add(
        all,
        new StepResult(1, 1, 0, 0, 0, 0, all.stream().map(i -> new ExampleLoss(2, 2)).toList()));
    assertThat(new LossRanking(equal, place -> 1).suspects(10)).isEmpty();
  }

  private static int terms(int place) {
    return place % 2 == 0 ? 3 : 100;
  }

  private void epoch(int epoch) {
    Random random = new Random(epoch);
    for (int start = 0; start < EXAMPLES; start += 20) {
      List<Integer> places = IntStream.range(start, start + 20).boxed().toList();
      double level = 2 - 0.5 * epoch - start * 1e-3;
      double[] values =
          places.stream()
              .mapToDouble(
                  place ->
                      switch (place) {
                        case WRONG -> 4;
                        case HARD -> epoch == 0 ? 4 : level + 0.4;
                        default -> level + random.nextGaussian() * (place % 2 == 0 ? 0.4 : 0.1);
                      })
              .toArray();
      add(places, level, values);
    }
  }

  private void add(List<Integer> places, double ofStep, double[] values) {
    List<ExampleLoss> examples = new ArrayList<>();
    for (double value : values) {
      examples.add(new ExampleLoss(value * 4, 4));
    }
    losses.add(places, new StepResult(1, ofStep, 0, 0, 0, 0, examples));
  }
}
