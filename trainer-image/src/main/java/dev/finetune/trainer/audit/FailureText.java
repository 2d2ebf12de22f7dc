package dev.finetune.trainer.audit;

import dev.finetune.trainer.data.RowId;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Says why a run must not begin: how many rows have which problem, which are the first, and which
 * setting to set to what.
 *
 * @param format what a job calls the format of the rows
 */
record FailureText(AuditSettings settings, String format) {
  private static final int MOST_NAMED = 10;

  /** Returns a sentence for each problem of a data set that its policy does not allow. */
  Stream<String> failures(DataAudit data) {
    List<String> failures = new ArrayList<>();
    String unreadable = data.unreadable();
    if (unreadable != null) {
      failures.add(unreadable + " (nothing after it can be read)");
    }
    Arrays.stream(Problem.values())
        .filter(problem -> data.problem(problem).fails())
        .map(problem -> data.source() + ": " + found(data, problem) + ": " + remedy(problem))
        .forEach(failures::add);
    if (failures.isEmpty() && data.kept() == 0) {
      failures.add(data.source() + ": " + nothingLeft(data));
    }
    return failures.stream();
  }

  private String nothingLeft(DataAudit data) {
    if (data.rows() == 0) {
      return "expected rows of format " + format + ", found none";
    }
    String dropped =
        Arrays.stream(Problem.values())
            .filter(problem -> data.problem(problem).rows().count() > 0)
            .map(problem -> found(data, problem))
            .collect(Collectors.joining(", "));
    return "expected a row to learn from, found none: " + dropped;
  }

  /** Says how many rows have a problem and which. */
  String found(DataAudit data, Problem problem) {
    Finding finding = data.problem(problem);
    int count = finding.rows().count();
    String rows = rows(data.source(), finding.rows(), MOST_NAMED);
    String share = count + " of " + data.rows() + " rows ";
    boolean one = count == 1;
    return switch (problem) {
      case TOO_LONG ->
          "%s%s longer than %s %d (%s; longest %d tokens)"
              .formatted(
                  share,
                  one ? "is" : "are",
                  settings.names().maxLength(),
                  settings.maxLength(),
                  rows,
                  data.lengths().most());
      case UNSUPERVISED -> share + (one ? "has" : "have") + " no token to learn (" + rows + ")";
      case BROKEN ->
          "%scannot be read (%s; the first: %s)".formatted(share, rows, finding.example());
      case DUPLICATE -> share + (one ? "repeats" : "repeat") + " an earlier row (" + rows + ")";
      case LEAKED -> share + (one ? "is" : "are") + " held out too (" + rows + ")";
    };
  }

  private String remedy(Problem problem) {
    String setting = settings.names().of(problem);
    return switch (problem) {
      case TOO_LONG ->
          "set %s to truncate or drop, or raise %s"
              .formatted(setting, settings.names().maxLength());
      case UNSUPERVISED, BROKEN -> "correct them, or set " + setting + " to drop";
      case DUPLICATE, LEAKED -> "set " + setting + " to drop or keep";
    };
  }

  /**
   * Names rows, with the line if there is one.
   *
   * @param source file that goes without saying
   * @param most rows to name
   */
  static String rows(String source, FoundRows rows, int most) {
    String named =
        rows.first().stream()
            .limit(most)
            .map(row -> place(source, row))
            .collect(Collectors.joining(", "));
    int more = rows.count() - Math.min(most, rows.first().size());
    return (rows.count() == 1 ? "row " : "rows ")
        + named
        + (more > 0 ? String.format(Locale.ROOT, " and %d more", more) : "");
  }

  private static String place(String source, RowId row) {
    if (row.file().equals(source)) {
      return "%d (%s)".formatted(row.row(), row.place());
    }
    Path name = Path.of(row.file()).getFileName();
    return "%d (%s %s)".formatted(row.row(), name == null ? row.file() : name, row.place());
  }
}
