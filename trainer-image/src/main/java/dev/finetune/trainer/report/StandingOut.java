package dev.finetune.trainer.report;

import dev.finetune.trainer.report.ReportData.Rows;
import dev.finetune.trainer.report.ReportData.Rows.Row;
import java.util.List;

/** Training rows that stand out by their loss. */
record StandingOut(Rows rows, String unit) implements ReportPage.Section {
  private static final int MOST_ROWS = 20;
  private static final int LONGEST_TEXT = 160;

  @Override
  public String id() {
    return "rows";
  }

  @Override
  public String title() {
    return "Rows that stand out";
  }

  @Override
  public void add(Html html) {
    html.element(
        "p",
        "The loss of each of the %s training rows was kept over the run, in %s. Rows are counted from 0, as the audit counts them. The texts below are quoted from the data: take this page out before the adapter is published if they are private."
            .formatted(Numbers.count(rows.seen()), unit));
    if (rows.remark() != null) {
      html.element("p", rows.remark());
    }
    html.element("h3", "Likely mislabelled");
    if (rows.suspects().isEmpty()) {
      html.element("p", "No row stands out from rows of its length.");
    } else {
      html.element(
          "p",
          "Their loss stayed far above that of rows of about their length while the rest was"
              + " learned. The likeliest come first; look at them before the next run.");
      table(html, "Rows whose label is likely wrong", rows.suspects());
    }
    html.element("h3", "Hardest");
    html.element("p", "The highest loss when last seen. Hard is not wrong: these may teach most.");
    table(html, "Rows with the highest loss", rows.hardest());
  }

  private static void table(Html html, String caption, List<Row> rows) {
    Table table = new Table(html, caption);
    table.head(
        List.of("Row", "Given", "To be learned", "Terms", "First", "Last", "Mean", "Seen"), 2);
    for (Row row : rows.subList(0, Math.min(MOST_ROWS, rows.size()))) {
      table.open(Numbers.count(row.number()));
      table.text(Excerpt.of(row.given(), LONGEST_TEXT));
      table.text(Excerpt.of(row.learned(), LONGEST_TEXT));
      table.number(Numbers.count(row.terms()));
      table.number(Numbers.brief(row.first()));
      table.number(Numbers.brief(row.last()));
      table.number(Numbers.brief(row.mean()));
      table.number(Numbers.count(row.times()));
      table.close();
    }
    table.end();
  }
}
