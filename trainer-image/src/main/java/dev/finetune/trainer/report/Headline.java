package dev.finetune.trainer.report;

import dev.finetune.trainer.report.ReportData.Fact;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The top of the page: what was trained, how good it is, and that in words. */
record Headline(ReportData data) {
  void add(Html html) {
    ReportData.Headline headline = data.headline();
    html.open("header");
    html.element("p", "Fine-tuning report", "class", "kind");
    html.open("h1").element("bdi", Excerpt.of(headline.job(), 100)).close();
    html.open("p", "class", "lead");
    html.text(headline.method() + " for " + headline.task() + " on ");
    html.element("bdi", Excerpt.of(headline.model(), 160)).close();
    html.open("dl", "class", "facts");
    for (Fact fact : facts()) {
      html.open("div").element("dt", fact.name()).element("dd", fact.value()).close();
    }
    html.close();
    for (String sentence : sentences()) {
      html.element("p", sentence, "class", "word");
    }
    html.close();
  }

  private List<Fact> facts() {
    List<Fact> facts = new ArrayList<>();
    Double before = data.headline().lossBefore();
    Double after = data.headline().lossAfter();
    if (after != null) {
      facts.add(new Fact("Held-out loss", change(before, after)));
      if (data.headline().likelihood()) {
        String from = before == null ? "" : Numbers.perplexity(before) + " → ";
        facts.add(new Fact("Perplexity", from + Numbers.perplexity(after)));
      }
    }
    List<ReportData.Step> steps = data.steps();
    facts.add(new Fact("Steps", Numbers.count(steps.isEmpty() ? 0 : steps.getLast().step())));
    long learned = steps.stream().mapToLong(ReportData.Step::learned).sum();
    facts.add(
        new Fact(
            data.headline().likelihood() ? "Tokens learned" : "Labels learned",
            Numbers.count(learned)));
    double seconds = steps.stream().mapToDouble(ReportData.Step::seconds).sum();
    facts.add(new Fact("Time in steps", Numbers.time(seconds)));
    if (seconds > 0) {
      long tokens = steps.stream().mapToLong(ReportData.Step::tokens).sum();
      facts.add(new Fact("Tokens/s", Numbers.brief(tokens / seconds)));
    }
    return facts;
  }

  private static String change(@Nullable Double before, double after) {
    return (before == null ? "" : Numbers.loss(before) + " → ") + Numbers.loss(after);
  }

  private List<String> sentences() {
    List<String> sentences = new ArrayList<>();
    Double before = data.headline().lossBefore();
    Double after = data.headline().lossAfter();
    if (after == null) {
      sentences.add(
          "No rows were held out, so nothing here says how the adapter does on rows that it has"
              + " not seen.");
    } else if (before != null) {
      sentences.add(comparison(before, after));
    }
    training().ifPresent(sentences::add);
    sentences.addAll(data.headline().words());
    return sentences;
  }

  private String comparison(double before, double after) {
    String numbers =
        String.format(
            Locale.ROOT,
            "from %s to %s %s",
            Numbers.loss(before),
            Numbers.loss(after),
            data.headline().unit());
    if (after < before) {
      return String.format(
          Locale.ROOT,
          "On rows that it was not trained on, the loss fell %s, by %s.",
          numbers,
          Numbers.percent((before - after) / before));
    }
    return after > before
        ? "On rows that it was not trained on, the loss rose %s: there the adapter is worse than the base model."
            .formatted(numbers)
        : "On rows that it was not trained on, the loss did not change.";
  }

  private Optional<String> training() {
    int size = data.steps().size();
    if (size < 10) {
      return Optional.empty();
    }
    int part = Math.max(1, size / 10);
    double first = mean(data.steps().subList(0, part));
    double last = mean(data.steps().subList(size - part, size));
    return Optional.of(
        String.format(
            Locale.ROOT,
            "The training loss of the first tenth of the steps was %s, that of the last %s.",
            Numbers.loss(first),
            Numbers.loss(last)));
  }

  private static double mean(List<ReportData.Step> steps) {
    return steps.stream().mapToDouble(ReportData.Step::loss).average().orElse(0);
  }
}
