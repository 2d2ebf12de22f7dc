package dev.finetune.trainer.train;

import dev.finetune.trainer.failure.UnreadableData;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The loss of each training example over a run: five numbers an example, however often it is seen.
 * They are functions of the losses of the steps, taken in one after the other, so a run that goes
 * on from a checkpoint has the same bits as one that was not interrupted.
 *
 * <p>Beside the loss it keeps by how much it was above the loss of its step. Losses of one step
 * were made by the same adapter and compare; those of an early and a late step do not.
 *
 * @see <a href="https://arxiv.org/abs/2009.10795">Dataset cartography: mapping and diagnosing
 *     datasets with training dynamics</a>
 */
public final class ExampleLosses {
  /** What is kept of an example; a checkpoint calls it by its name in lower case. */
  private enum Column {
    FIRST,
    LAST,
    SUM,
    EXCESS,
    TIMES
  }

  private final float[][] columns;
  private final int examples;

  /**
   * Makes one in which no example was seen.
   *
   * @param examples number of training examples
   */
  public ExampleLosses(int examples) {
    this.examples = examples;
    this.columns = new float[Column.values().length][examples];
  }

  /**
   * The loss of an example over the run, each a mean over its terms.
   *
   * @param first when it was first seen
   * @param last when it was last seen
   * @param mean over all times
   * @param excess mean difference to the loss of the step
   * @param times how often it was seen, from 1
   */
  public record Course(double first, double last, double mean, double excess, int times) {}

  /** Returns the number of training examples. */
  public int examples() {
    return examples;
  }

  /**
   * Takes in what the examples of a step came to.
   *
   * @param places places of the examples among those to train on; a negative one is of no training
   *     example and is passed over
   * @param result the step, with a loss for each place
   */
  public void add(List<Integer> places, StepResult result) {
    if (places.size() != result.examples().size()) {
      throw new IllegalArgumentException(
          "expected as many places as losses, %d, found %d"
              .formatted(result.examples().size(), places.size()));
    }
    for (int i = 0; i < places.size(); i++) {
      ExampleLoss loss = result.examples().get(i);
      if (places.get(i) >= 0 && loss.terms() > 0) {
        add(places.get(i), loss.mean(), result.loss());
      }
    }
  }

  private void add(int place, double loss, double ofStep) {
    if (column(Column.TIMES)[place] == 0) {
      column(Column.FIRST)[place] = (float) loss;
    }
    column(Column.LAST)[place] = (float) loss;
    column(Column.SUM)[place] += (float) loss;
    column(Column.EXCESS)[place] += (float) (loss - ofStep);
    column(Column.TIMES)[place]++;
  }

  /** Returns the loss of the example at a place over the run, or empty if it was not seen. */
  public Optional<Course> of(int place) {
    float times = column(Column.TIMES)[place];
    return times == 0
        ? Optional.empty()
        : Optional.of(
            new Course(
                column(Column.FIRST)[place],
                column(Column.LAST)[place],
                column(Column.SUM)[place] / times,
                column(Column.EXCESS)[place] / times,
                (int) times));
  }

  private float[] column(Column column) {
    return columns[column.ordinal()];
  }

  /** Returns what a checkpoint keeps, by name, one number an example each; not copied. */
  public Map<String, float[]> columns() {
    Map<String, float[]> named = new TreeMap<>();
    for (Column column : Column.values()) {
      named.put(name(column), column(column));
    }
    return Collections.unmodifiableMap(named);
  }

  /** Where a checkpoint's numbers come from. */
  public interface Source {
    /**
     * Returns the numbers of a name.
     *
     * @throws UnreadableData if there are not so many of them, or none of this name
     */
    float[] read(String name, int examples);
  }

  /** Overwrites everything with what {@link #columns} had. */
  public void restore(Source source) {
    for (Column column : Column.values()) {
      columns[column.ordinal()] = source.read(name(column), examples);
    }
  }

  private static String name(Column column) {
    return column.name().toLowerCase(Locale.ROOT);
  }
}
