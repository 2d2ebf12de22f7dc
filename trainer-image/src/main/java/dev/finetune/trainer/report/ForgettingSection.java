package dev.finetune.trainer.report;

import dev.finetune.trainer.report.Curve.Point;
import dev.finetune.trainer.report.LineChart.Line;
import dev.finetune.trainer.report.LineChart.Style;
import dev.finetune.trainer.report.ReportData.Evaluation;
import dev.finetune.trainer.report.ReportData.Forgetting;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What the model lost of what it could before. */
record ForgettingSection(Forgetting forgetting) implements ReportPage.Section {
  @Override
  public String id() {
    return "forgetting";
  }

  @Override
  public String title() {
    return "Forgetting";
  }

  @Override
  public void add(Html html) {
    List<Evaluation> losses = forgetting.losses();
    forgetting.words().forEach(word -> html.element("p", word));
    if (losses.isEmpty()) {
      return;
    }
    double first = losses.getFirst().loss();
    double last = losses.getLast().loss();
    html.element(
        "p",
        String.format(
            Locale.ROOT,
            "The loss on general text, which is never trained on, went from %s to %s nats per token (%+.4f).",
            Numbers.loss(first),
            Numbers.loss(last),
            last - first));
    List<Line> lines = new ArrayList<>();
    lines.add(
        new Line(
            "general loss",
            Style.SECOND,
            new Curve(losses.stream().map(e -> new Point(e.step(), e.loss())).toList())));
    Double allowed = forgetting.allowed();
    if (allowed != null) {
      double limit = first + allowed;
      lines.add(
          new Line(
              "allowed",
              Style.LIMIT,
              new Curve(
                  List.of(
                      new Point(losses.getFirst().step(), limit),
                      new Point(losses.getLast().step(), limit)))));
    }
    html.open("div", "class", "charts");
    new LineChart(
            "general-loss",
            "Loss on general text",
            "Nats per token; it rises as the model forgets.",
            lines,
            Numbers::brief)
        .add(html);
    html.close();
  }
}
