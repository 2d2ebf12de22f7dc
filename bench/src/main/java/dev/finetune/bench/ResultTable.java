package dev.finetune.bench;

import dev.finetune.bench.Measurement.Result;
import dev.finetune.bench.Measurement.Side;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What a run of the benchmark found, for people: a page in Markdown. */
final class ResultTable {
  private static final String ABSENT = "";

  private final Results results;
  private final StringBuilder page = new StringBuilder();

  private ResultTable(Results results) {
    this.results = results;
  }

  /** Makes one of the lines of a file of results. */
  static ResultTable of(List<String> lines) throws IOException {
    return new ResultTable(Results.read(lines));
  }

  /** Returns the page. */
  String markdown() {
    head();
    speed();
    utilization();
    losses();
    steps();
    start();
    if (!results.errors().isEmpty()) {
      page.append("\n## Without a result\n\n");
      results.errors().forEach(error -> page.append("- ").append(error).append('\n'));
    }
    return page.toString();
  }

  private void head() {
    Environment e = results.environment();
    say("# Trainer and PEFT side by side, %s\n", e.date());
    say("    %s\n", e.command());
    say("- commit %s%s", e.commit(), e.dirty() ? ", with changes on top of it" : "");
    say("- model %s, rows %s", e.model(), e.data());
    say(
        "- %s, %d cores (%s), %d MiB, %s",
        e.processor(), e.cores(), String.join(" ", e.flags()), e.memoryMebibytes(), e.system());
    versions("ours", Side.OURS);
    versions("theirs", Side.THEIRS);
    results.configurations().stream()
        .findFirst()
        .map(name -> anyResult(name))
        .ifPresent(
            result ->
                say(
                    "- %d threads, %d warm-up and %d measured steps, medians over repetitions",
                    result.threads(),
                    result.warmupSteps(),
                    result.stepSeconds().size() - result.warmupSteps()));
  }

  private @Nullable Result anyResult(String configuration) {
    return results
        .first(configuration, Side.OURS)
        .or(() -> results.first(configuration, Side.THEIRS))
        .orElse(null);
  }

  private void versions(String name, Side side) {
    for (String configuration : results.configurations()) {
      Map<String, String> versions =
          results.first(configuration, side).map(Result::versions).orElse(Map.of());
      if (!versions.isEmpty()) {
        String list =
            new TreeMap<>(versions)
                .entrySet().stream()
                    .map(entry -> entry.getKey() + " " + entry.getValue())
                    .collect(Collectors.joining(", "));
        say("- %s: %s", name, list);
        return;
      }
    }
  }

  private void speed() {
    say("\n## Speed, memory, start\n");
    say(
        "Tokens are counted without padding; peak: the process's resident memory, loading included;");
    say("first update: from the start of the process; CPU use: processor seconds a second.\n");
    row(
        "configuration",
        "tokens/s, ours",
        "theirs",
        "ratio",
        "supervised tokens/s, ours",
        "theirs",
        "peak MiB, ours",
        "theirs",
        "ratio",
        "first update s, ours",
        "theirs",
        "ratio",
        "its CPU s, ours",
        "theirs",
        "CPU use, ours",
        "theirs",
        "runs");
    rule(17);
    for (String name : results.configurations()) {
      List<String> cells = new ArrayList<>(List.of(name));
      cells.addAll(compare(name, Result::tokensPerSecond, "%.1f", true));
      cells.addAll(compare(name, Result::supervisedTokensPerSecond, "%.1f", false));
      cells.addAll(compare(name, Result::peakMebibytes, "%.0f", true));
      cells.addAll(compare(name, Result::secondsToFirstStep, "%.2f", true));
      cells.addAll(compare(name, Result::cpuSecondsToFirstStep, "%.2f", false));
      cells.addAll(compare(name, Result::cpuUse, "%.2f", false));
      cells.add(results.of(name, Side.OURS).size() + " + " + results.of(name, Side.THEIRS).size());
      row(cells.toArray(String[]::new));
    }
  }

  private List<String> compare(
      String name, ToDoubleFunction<Result> quantity, String format, boolean ratio) {
    double ours = results.median(name, Side.OURS, quantity);
    double theirs = results.median(name, Side.THEIRS, quantity);
    List<String> cells = new ArrayList<>(List.of(number(format, ours), number(format, theirs)));
    if (ratio) {
      cells.add(number("%.2f", ours / theirs));
    }
    return cells;
  }

  private void utilization() {
    ProductRates rates = results.rates();
    if (rates == null) {
      return;
    }
    say("\n## Against the machine\n");
    say("What the products of a step need, over what large products reach here.\n");
    row(
        "configuration",
        "GFLOP a token",
        "rate, GFLOP/s",
        "tokens/s at that rate",
        "utilization, ours",
        "theirs");
    rule(6);
    for (String name : results.configurations()) {
      Result ours = results.first(name, Side.OURS).orElse(null);
      if (ours == null || ours.flopsPerStep() == null) {
        continue;
      }
      double flopsPerToken = flopsPerToken(ours, ours.flopsPerStep());
      double limit = rates.of(Configuration.of(name)) / flopsPerToken;
      row(
          name,
          number("%.3f", flopsPerToken / 1e9),
          number("%.0f", rates.of(Configuration.of(name)) / 1e9),
          number("%.0f", limit),
          number("%.2f", results.median(name, Side.OURS, Result::tokensPerSecond) / limit),
          number("%.2f", results.median(name, Side.THEIRS, Result::tokensPerSecond) / limit));
    }
  }

  private static double flopsPerToken(Result result, List<Double> flopsPerStep) {
    int warmup = result.warmupSteps();
    double flops = flopsPerStep.stream().skip(warmup).mapToDouble(Double::doubleValue).sum();
    return flops / result.tokensPerStep().stream().skip(warmup).mapToInt(n -> n).sum();
  }

  private void losses() {
    say("\n## Losses\n");
    say("Ours less theirs at each step; both begin with the same adapter, whose B is zero.\n");
    row(
        "configuration",
        "same rows",
        "first loss, ours",
        "theirs",
        "largest difference",
        "by step");
    rule(6);
    for (String name : results.configurations()) {
      Result ours = results.first(name, Side.OURS).orElse(null);
      Result theirs = results.first(name, Side.THEIRS).orElse(null);
      if (ours == null || theirs == null) {
        continue;
      }
      List<Double> differences = differences(ours.losses(), theirs.losses());
      row(
          name,
          ours.rowsDigest().equals(theirs.rowsDigest()) ? "yes" : "NO",
          number("%.6f", ours.losses().getFirst()),
          number("%.6f", theirs.losses().getFirst()),
          number("%.1e", differences.stream().mapToDouble(Math::abs).max().orElse(Double.NaN)),
          list("%+.1e", differences));
    }
  }

  private static List<Double> differences(List<Double> ours, List<Double> theirs) {
    List<Double> differences = new ArrayList<>();
    for (int i = 0; i < Math.min(ours.size(), theirs.size()); i++) {
      differences.add(ours.get(i) - theirs.get(i));
    }
    return differences;
  }

  private void steps() {
    say("\n## Seconds of each step\n");
    row("configuration", "tokens of each step", "ours", "theirs");
    rule(4);
    for (String name : results.configurations()) {
      Result any = anyResult(name);
      row(
          name,
          any == null
              ? ABSENT
              : any.tokensPerStep().stream().map(String::valueOf).collect(Collectors.joining(" ")),
          list("%.3f", results.medians(name, Side.OURS, Result::stepSeconds)),
          list("%.3f", results.medians(name, Side.THEIRS, Result::stepSeconds)));
    }
  }

  private void start() {
    say("\n## To the first update, ours\n");
    say("Seconds of each phase in order, and the processor seconds of all threads in it.\n");
    row("configuration", "phases");
    rule(2);
    for (String name : results.configurations()) {
      Map<String, Measurement.Phase> phases =
          results.first(name, Side.OURS).map(Result::phases).orElse(null);
      if (phases != null) {
        row(name, text(phases));
      }
    }
  }

  private static String text(Map<String, Measurement.Phase> phases) {
    List<String> parts = new ArrayList<>();
    Measurement.Phase before = new Measurement.Phase(0, 0);
    for (Map.Entry<String, Measurement.Phase> entry : inOrder(phases)) {
      Measurement.Phase phase = entry.getValue();
      parts.add(
          String.format(
              Locale.ROOT,
              "%s %.2f (%.2f)",
              entry.getKey(),
              phase.seconds() - before.seconds(),
              phase.cpuSeconds() - before.cpuSeconds()));
      before = phase;
    }
    return String.join(", ", parts);
  }

  private static List<Map.Entry<String, Measurement.Phase>> inOrder(
      Map<String, Measurement.Phase> phases) {
    return phases.entrySet().stream()
        .sorted(Comparator.comparingDouble(entry -> entry.getValue().seconds()))
        .toList();
  }

  private static String list(String format, List<Double> values) {
    return values.stream().map(value -> number(format, value)).collect(Collectors.joining(" "));
  }

  private static String number(String format, double value) {
    return Double.isNaN(value) ? ABSENT : String.format(Locale.ROOT, format, value);
  }

  private void say(String format, Object... arguments) {
    page.append(String.format(Locale.ROOT, format, arguments)).append('\n');
  }

  private void row(String... cells) {
    page.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private void rule(int columns) {
    page.append("| --- ".repeat(columns)).append("|\n");
  }
}
