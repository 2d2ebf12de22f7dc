package dev.finetune.trainer.recipe;

import dev.finetune.trainer.audit.Action;
import dev.finetune.trainer.audit.AuditReport;
import dev.finetune.trainer.audit.DataAudit;
import dev.finetune.trainer.audit.Finding;
import dev.finetune.trainer.audit.FoundRows;
import dev.finetune.trainer.audit.Note;
import dev.finetune.trainer.audit.Problem;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.report.ReportData.DataSet;
import dev.finetune.trainer.report.ReportData.Fact;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What the audit found, as the report shows it. */
final class AuditedData {
  private static final int MOST_ROWS = 12;

  private AuditedData() {}

  /**
   * Returns the data sets of a run.
   *
   * @param heldOut rows that are held out, perhaps of those to train on
   */
  static List<DataSet> of(AuditReport audit, List<Example> heldOut) {
    List<DataSet> sets = new ArrayList<>();
    sets.add(set("Training", audit.train()));
    DataAudit eval = audit.eval();
    if (eval != null) {
      sets.add(set("Held out", eval));
    } else if (!heldOut.isEmpty()) {
      sets.add(split(heldOut));
    }
    return sets;
  }

  private static DataSet set(String name, DataAudit audit) {
    return new DataSet(
        name,
        List.of(
            new Fact("Rows", count(audit.rows())),
            new Fact("Used", count(audit.kept())),
            new Fact("Tokens", count(audit.tokens())),
            new Fact("Learned", count(audit.supervisedTokens())),
            new Fact("Median length", count(audit.lengths().percentiles().p50())),
            new Fact("95 % up to", count(audit.lengths().percentiles().p95())),
            new Fact("Longest", count(audit.lengths().most()))),
        findings(audit));
  }

  private static DataSet split(List<Example> heldOut) {
    long tokens = heldOut.stream().mapToLong(example -> example.inputIds().length).sum();
    long learned = heldOut.stream().mapToLong(Example::supervisedTokens).sum();
    return new DataSet(
        "Held out of these",
        List.of(
            new Fact("Used", count(heldOut.size())),
            new Fact("Tokens", count(tokens)),
            new Fact("Learned", count(learned))),
        List.of());
  }

  private static List<DataSet.Finding> findings(DataAudit audit) {
    List<DataSet.Finding> findings = new ArrayList<>();
    audit
        .problems()
        .forEach(
            (problem, finding) -> {
              if (finding.rows().count() > 0) {
                findings.add(finding(text(problem, finding), finding.rows()));
              }
            });
    audit
        .notes()
        .forEach(
            (note, rows) -> {
              if (rows.count() > 0) {
                findings.add(finding(text(note), rows));
              }
            });
    return findings;
  }

  private static DataSet.Finding finding(String what, FoundRows rows) {
    String first =
        rows.first().stream()
            .limit(MOST_ROWS)
            .map(row -> String.valueOf(row.row()))
            .collect(Collectors.joining(", "));
    return new DataSet.Finding(
        what, rows.count(), rows.count() > MOST_ROWS ? first + ", …" : first);
  }

  private static String text(Problem problem, Finding finding) {
    String what =
        switch (problem) {
          case TOO_LONG -> "longer than the greatest length";
          case UNSUPERVISED -> "no token to learn";
          case BROKEN -> "cannot be read";
          case DUPLICATE -> "the same as an earlier row";
          case LEAKED -> "trained on and held out";
        };
    String example = finding.example();
    return what + ": " + text(finding.action()) + (example == null ? "" : " (" + example + ")");
  }

  private static String text(Action action) {
    return switch (action) {
      case FAIL -> "refused";
      case DROP -> "left out";
      case TRUNCATE -> "cut";
      case KEEP -> "used as it is";
    };
  }

  private static String text(Note note) {
    return switch (note) {
      case DOUBLED_BOS -> "begins with two tokens that begin a text";
      case UNLEARNED_EOS -> "has tokens that end a text, and learns none";
      case MISSING_EOS -> "has no token that ends a text";
    };
  }

  private static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }
}
