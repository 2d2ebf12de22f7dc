package dev.finetune.trainer.audit;

import dev.finetune.trainer.failure.MessageText;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** An audit as lines for a person. */
public final class AuditText {
  private static final int MOST_NAMED = 10;
  private static final int MOST_LABELS = 20;
  private static final int BAR = 40;

  private AuditText() {}

  /** Returns everything: each data set with its lengths, and what was looked for, found or not. */
  public static List<String> lines(AuditReport report) {
    List<String> lines = new ArrayList<>();
    parts(report).forEach(data -> addAll(lines, report, data));
    return lines;
  }

  /** Returns a line for each data set, and one for whatever was found in it. */
  public static List<String> findings(AuditReport report) {
    List<String> lines = new ArrayList<>();
    parts(report)
        .forEach(
            data -> {
              lines.add(summary(report, data));
              addLabels(lines, data);
              data.problems().forEach((problem, found) -> addFound(lines, data, problem, found));
              data.notes().forEach((note, found) -> addFound(lines, data, note, found));
            });
    return lines;
  }

  private static Stream<DataAudit> parts(AuditReport report) {
    return Stream.concat(Stream.of(report.train()), Stream.ofNullable(report.eval()));
  }

  private static void addAll(List<String> lines, AuditReport report, DataAudit data) {
    lines.add(summary(report, data));
    data.lengths().histogram().forEach(bar -> lines.add(bar(bar, data.rows())));
    addLabels(lines, data);
    for (Problem problem : Problem.values()) {
      if (problem != Problem.LEAKED || (data.role() == Role.TRAIN && report.eval() != null)) {
        Finding found = data.problem(problem);
        if (found.rows().count() == 0) {
          lines.add("  " + title(problem) + ": none");
        } else {
          addFound(lines, data, problem, found);
        }
      }
    }
    for (Note note : Note.values()) {
      if (data.note(note).count() == 0) {
        lines.add("  " + title(note) + ": none");
      } else {
        addFound(lines, data, note, data.note(note));
      }
    }
  }

  private static String summary(AuditReport report, DataAudit data) {
    Lengths lengths = data.lengths();
    return String.format(
        Locale.ROOT,
        "%s: %d rows of format %s, %d used, with %d tokens, %d of them learned; lengths %d to %d,"
            + " mean %.1f, half at most %d, 90 %% at most %d, 99 %% at most %d",
        data.role().title(),
        data.rows(),
        report.format(),
        data.kept(),
        data.tokens(),
        data.supervisedTokens(),
        lengths.least(),
        lengths.most(),
        lengths.mean(),
        lengths.percentiles().p50(),
        lengths.percentiles().p90(),
        lengths.percentiles().p99());
  }

  private static void addLabels(List<String> lines, DataAudit data) {
    if (data.labels().isEmpty()) {
      return;
    }
    double all = data.labels().values().stream().mapToLong(count -> count).sum();
    String named =
        data.labels().entrySet().stream()
            .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
            .limit(MOST_LABELS)
            .map(
                label ->
                    String.format(
                        Locale.ROOT,
                        "%s %d (%.1f %%)",
                        label.getKey(),
                        label.getValue(),
                        100 * label.getValue() / all))
            .collect(Collectors.joining(", "));
    int more = data.labels().size() - MOST_LABELS;
    lines.add(
        "  labels: "
            + MessageText.oneLine(named)
            + (more > 0 ? String.format(Locale.ROOT, " and %d more", more) : ""));
  }

  private static String bar(Lengths.Bar bar, int rows) {
    int width = (int) Math.ceilDiv(bar.rows() * BAR, Math.max(1, rows));
    return String.format(
            Locale.ROOT,
            "  %8d to %8d tokens %8d rows %s",
            bar.from(),
            bar.to(),
            bar.rows(),
            "#".repeat(width))
        .stripTrailing();
  }

  private static void addFound(List<String> lines, DataAudit data, Problem problem, Finding found) {
    if (found.rows().count() > 0) {
      String example = found.example() == null ? "" : "; the first: " + found.example();
      lines.add(
          "  %s: %s, %s%s"
              .formatted(title(problem), named(data, found.rows()), done(found.action()), example));
    }
  }

  private static void addFound(List<String> lines, DataAudit data, Note note, FoundRows found) {
    if (found.count() > 0) {
      lines.add("  %s: %s".formatted(title(note), named(data, found)));
    }
  }

  private static String named(DataAudit data, FoundRows rows) {
    return rows.count() + ", " + FailureText.rows(data.source(), rows, MOST_NAMED);
  }

  private static String title(Problem problem) {
    return switch (problem) {
      case TOO_LONG -> "longer than maxLength";
      case UNSUPERVISED -> "without a token to learn";
      case BROKEN -> "not readable";
      case DUPLICATE -> "repeats of an earlier row";
      case LEAKED -> "held out too";
    };
  }

  private static String title(Note note) {
    return switch (note) {
      case DOUBLED_BOS -> "begin with BOS twice";
      case UNLEARNED_EOS -> "EOS without a label, so that the model does not learn to stop";
      case MISSING_EOS -> "without EOS, so that the model does not learn to stop";
    };
  }

  private static String done(Action action) {
    return switch (action) {
      case FAIL -> "not allowed";
      case DROP -> "left out";
      case TRUNCATE -> "cut";
      case KEEP -> "kept";
    };
  }
}
