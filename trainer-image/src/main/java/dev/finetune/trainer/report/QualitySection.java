package dev.finetune.trainer.report;

import dev.finetune.trainer.report.ReportData.Quality;
import dev.finetune.trainer.report.ReportData.Quality.ClassScore;
import dev.finetune.trainer.report.ReportData.Quality.Confusion;
import dev.finetune.trainer.report.ReportData.Quality.Score;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Metrics of the task on held-out rows. */
record QualitySection(Quality quality) implements ReportPage.Section {
  private static final int MOST_CLASSES = 60;
  private static final int MOST_CONFUSED = 24;
  private static final int SHADES = 9;
  private static final int LONGEST_LABEL = 40;

  @Override
  public String id() {
    return "metrics";
  }

  @Override
  public String title() {
    return "Metrics on held-out rows";
  }

  @Override
  public void add(Html html) {
    scores(html);
    if (!quality.classes().isEmpty()) {
      classes(html);
    }
    Confusion confusion = quality.confusion();
    if (confusion != null) {
      confusion(html, confusion);
    }
  }

  private void scores(Html html) {
    Table table = new Table(html, "Metrics before training and of what is delivered");
    table.head(List.of("Metric", "Before", "After", "95 % interval"), 0);
    for (Score score : quality.scores()) {
      table.open(score.name());
      table.number(score.before() == null ? "–" : Numbers.loss(score.before()));
      table.number(Numbers.loss(score.after()));
      table.number(
          score.low() == null || score.high() == null
              ? "–"
              : Numbers.loss(score.low()) + " to " + Numbers.loss(score.high()));
      table.close();
    }
    table.end();
  }

  private void classes(Html html) {
    html.element("h3", "By class");
    List<ClassScore> worst =
        quality.classes().stream()
            .sorted(Comparator.comparingDouble(ClassScore::f1))
            .limit(MOST_CLASSES)
            .toList();
    if (worst.size() < quality.classes().size()) {
      html.element(
          "p",
          "The %d with the lowest F1 of %d classes."
              .formatted(worst.size(), quality.classes().size()));
    }
    Table table = new Table(html, "Metrics by class");
    table.head(List.of("Class", "Precision", "Recall", "F1", "Rows"), 0);
    for (ClassScore score : worst) {
      table.open(Excerpt.of(score.label(), LONGEST_LABEL));
      table.number(Numbers.percent(score.precision()));
      table.number(Numbers.percent(score.recall()));
      table.number(Numbers.percent(score.f1()));
      table.number(Numbers.count(score.support()));
      table.close();
    }
    table.end();
  }

  private static void confusion(Html html, Confusion confusion) {
    html.element("h3", "Confusion matrix");
    List<Integer> shown = mostConfused(confusion);
    html.element(
        "p",
        "A row for each true class, a column for each predicted one; shades are shares of the row."
            + (shown.size() < confusion.labels().size()
                ? " Of the %d classes, the %d that are confused most."
                    .formatted(confusion.labels().size(), shown.size())
                : ""));
    Table table = new Table(html, "How often a class was taken for another");
    List<String> head = new ArrayList<>(List.of("true \\ predicted"));
    shown.forEach(i -> head.add(Excerpt.of(confusion.labels().get(i), LONGEST_LABEL)));
    table.head(head, 0);
    for (int row : shown) {
      List<Long> counts = confusion.counts().get(row);
      long sum = counts.stream().mapToLong(Long::longValue).sum();
      table.open(Excerpt.of(confusion.labels().get(row), LONGEST_LABEL));
      for (int column : shown) {
        long count = counts.get(column);
        long shade = sum == 0 ? 0 : Math.round(SHADES * count / (double) sum);
        html.element(
            "td",
            Numbers.count(count),
            "class",
            "number " + (row == column ? "right" : "wrong") + " q" + shade);
      }
      table.close();
    }
    table.end();
  }

  /** Returns the places of the classes with the most mistakes, in their own order. */
  private static List<Integer> mostConfused(Confusion confusion) {
    int size = confusion.labels().size();
    Comparator<Integer> byMistakes =
        Comparator.comparingLong((Integer i) -> mistakes(confusion, i)).reversed();
    return IntStream.range(0, size)
        .boxed()
        .sorted(byMistakes)
        .limit(MOST_CONFUSED)
        .sorted()
        .toList();
  }

  private static long mistakes(Confusion confusion, int label) {
    long mistakes = 0;
    for (int other = 0; other < confusion.labels().size(); other++) {
      if (other != label) {
        mistakes += confusion.counts().get(label).get(other);
        mistakes += confusion.counts().get(other).get(label);
      }
    }
    return mistakes;
  }
}
