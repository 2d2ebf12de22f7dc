package dev.finetune.trainer.data;

import dev.finetune.api.spec.LabeledSubwords;
import dev.finetune.api.spec.ProblemType;
import dev.finetune.trainer.failure.UnreadableData;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How labels of rows become targets.
 *
 * @param names labels and their indexes; none for regression
 * @param problem what a text has: a label, several, or a number
 * @param subwords which sub-words of a word carry its label
 */
public record Labeling(LabelNames names, ProblemType problem, LabeledSubwords subwords) {
  /** Examples to train on and to hold out. */
  public record Closed(List<Example> train, List<Example> heldOut) {}

  /**
   * Closes the names once all rows are read, and gives examples the indexes that hold from now on.
   * Names that were collected are those of training rows.
   *
   * @throws UnreadableData if an example that is held out has a label that no training row has
   */
  public Closed close(List<Example> train, List<Example> heldOut) {
    if (problem == ProblemType.REGRESSION || !names.isOpen()) {
      return new Closed(train, heldOut);
    }
    List<String> before = names.names();
    boolean[] used = used(train, before.size());
    boolean[] wanted = used(heldOut, before.size());
    for (int i = 0; i < used.length; i++) {
      if (wanted[i] && !used[i]) {
        throw new UnreadableData(
            "the held-out rows have the label '%s', which no training row has"
                .formatted(before.get(i)));
      }
    }
    int[] indexes = names.close(used);
    int count = names.names().size();
    return new Closed(
        train.stream().map(example -> closed(example, indexes, count)).toList(),
        heldOut.stream().map(example -> closed(example, indexes, count)).toList());
  }

  private boolean[] used(List<Example> examples, int labels) {
    long[] counts = counts(examples, labels);
    boolean[] used = new boolean[labels];
    for (int i = 0; i < labels; i++) {
      used[i] = counts[i] > 0;
    }
    return used;
  }

  private Example closed(Example example, int[] indexes, int count) {
    return switch (example.target()) {
      case null -> example;
      case Target.OfText(float[] values) ->
          new Example(
              example.index(),
              example.inputIds(),
              example.labels(),
              new Target.OfText(
                  problem == ProblemType.MULTI_LABEL
                      ? several(values, indexes, count)
                      : new float[] {indexes[(int) values[0]]}));
      case Target.OfTokens(int[] labels, int[] words) ->
          new Example(
              example.index(),
              example.inputIds(),
              example.labels(),
              new Target.OfTokens(
                  Arrays.stream(labels)
                      .map(label -> label == Example.NOT_SUPERVISED ? label : indexes[label])
                      .toArray(),
                  words));
    };
  }

  /** Names that were not known yet when a row was read are none of its labels. */
  private static float[] several(float[] values, int[] indexes, int count) {
    float[] all = new float[count];
    for (int i = 0; i < values.length; i++) {
      if (values[i] > 0) {
        all[indexes[i]] = values[i];
      }
    }
    return all;
  }

  /**
   * Returns the names of the labels of an example, none for regression; of words one for each token
   * that has one.
   *
   * @param example read with these names, before or after {@link #close} as they are now
   */
  List<String> names(Example example) {
    return switch (example.target()) {
      case null -> List.of();
      case Target.OfText(float[] values) ->
          switch (problem) {
            case SINGLE_LABEL -> List.of(names.name((int) values[0]));
            case MULTI_LABEL ->
                IntStream.range(0, values.length)
                    .filter(i -> values[i] > 0)
                    .mapToObj(names::name)
                    .toList();
            case REGRESSION -> List.of();
          };
      case Target.OfTokens(int[] labels, _) ->
          Arrays.stream(labels)
              .filter(label -> label != Example.NOT_SUPERVISED)
              .mapToObj(names::name)
              .toList();
    };
  }

  /**
   * Returns how often each label occurs in examples.
   *
   * @param examples after {@link #close}
   */
  public long[] counts(List<Example> examples) {
    return counts(examples, names.names().size());
  }

  private long[] counts(List<Example> examples, int labels) {
    long[] counts = new long[labels];
    for (Example example : examples) {
      switch (example.target()) {
        case null -> {}
        case Target.OfText(float[] values) -> {
          if (problem == ProblemType.MULTI_LABEL) {
            for (int i = 0; i < values.length; i++) {
              counts[i] += values[i] > 0 ? 1 : 0;
            }
          } else {
            counts[(int) values[0]]++;
          }
        }
        case Target.OfTokens(int[] ofTokens, _) -> {
          for (int label : ofTokens) {
            if (label != Example.NOT_SUPERVISED) {
              counts[label]++;
            }
          }
        }
      }
    }
    return counts;
  }
}
