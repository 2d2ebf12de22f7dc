package dev.finetune.trainer.recipe;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.Target;
import dev.finetune.trainer.report.ReportData.Rows;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.train.ExampleLosses;
import dev.finetune.trainer.train.LossRanking;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The rows of a run, as the report shows them.
 *
 * @param examples those to train on
 * @param tokenizer makes text of them again
 * @param labels names of what a head predicts, none for language modelling and regression
 */
record ReportedRows(List<Example> examples, Tokenizer tokenizer, List<String> labels) {
  private static final int MOST_ROWS = 20;

  /** Tokens at either end of a text that are decoded; more than any excerpt shows. */
  private static final int MOST_TOKENS = 160;

  /** Returns the rows that stand out by their loss. */
  Rows standingOut(ExampleLosses losses) {
    LossRanking ranking = new LossRanking(losses, place -> examples.get(place).supervisedTokens());
    List<LossRanking.Ranked> hardest = ranking.hardest(MOST_ROWS);
    IntStream places = IntStream.range(0, losses.examples());
    long seen = places.filter(place -> losses.of(place).isPresent()).count();
    boolean once = hardest.stream().allMatch(ranked -> ranked.course().times() == 1);
    String remark =
        once
            ? "Each row was seen once, so nothing is known of how its loss changed; two epochs"
                + " tell wrong rows from hard ones better."
            : null;
    return new Rows(
        ranking.suspects(MOST_ROWS).stream().map(this::row).toList(),
        hardest.stream().map(this::row).toList(),
        seen,
        remark);
  }

  private Rows.Row row(LossRanking.Ranked ranked) {
    Example example = examples.get(ranked.place());
    return new Rows.Row(
        example.index(),
        text(example.target() == null ? ids(example, false) : example.inputIds()),
        learned(example),
        example.supervisedTokens(),
        ranked.course().first(),
        ranked.course().last(),
        ranked.course().mean(),
        ranked.course().times());
  }

  private String learned(Example example) {
    return switch (example.target()) {
      case null -> text(ids(example, true));
      case Target.OfText(float[] values) -> target(values);
      case Target.OfTokens(int[] ofTokens, _) ->
          Arrays.stream(ofTokens)
              .filter(label -> label != Example.NOT_SUPERVISED)
              .limit(MOST_TOKENS)
              .mapToObj(this::label)
              .collect(Collectors.joining(" "));
    };
  }

  /** One value is the index of a label or a number; several say of each label whether it is. */
  private String target(float[] values) {
    if (values.length == 1) {
      return labels.size() > 1 ? label((int) values[0]) : String.valueOf(values[0]);
    }
    return IntStream.range(0, values.length)
        .filter(i -> values[i] == 1)
        .mapToObj(this::label)
        .collect(Collectors.joining(", "));
  }

  private String label(int index) {
    return index >= 0 && index < labels.size() ? labels.get(index) : String.valueOf(index);
  }

  private static int[] ids(Example example, boolean learned) {
    return IntStream.range(0, example.inputIds().length)
        .filter(i -> (example.labels()[i] != Example.NOT_SUPERVISED) == learned)
        .map(i -> example.inputIds()[i])
        .toArray();
  }

  private String text(int[] ids) {
    if (ids.length <= 2 * MOST_TOKENS) {
      return tokenizer.decode(ids, true);
    }
    int[] head = Arrays.copyOf(ids, MOST_TOKENS);
    int[] tail = Arrays.copyOfRange(ids, ids.length - MOST_TOKENS, ids.length);
    return tokenizer.decode(head, true) + " … " + tokenizer.decode(tail, true);
  }
}
