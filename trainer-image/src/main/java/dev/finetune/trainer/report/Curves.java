package dev.finetune.trainer.report;

import dev.finetune.trainer.report.Curve.Point;
import dev.finetune.trainer.report.LineChart.Line;
import dev.finetune.trainer.report.LineChart.Style;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;
import java.util.function.ToDoubleFunction;

/** What was measured at every step. */
record Curves(ReportData data) implements ReportPage.Section {
  private static final int LEAST_FOR_A_MEAN = 60;
  private static final int PARTS = 25;

  @Override
  public String id() {
    return "curves";
  }

  @Override
  public String title() {
    return "Curves";
  }

  @Override
  public void add(Html html) {
    if (data.steps().isEmpty()) {
      html.element("p", "The metrics of the steps could not be read back from storage.");
      return;
    }
    html.open("div", "class", "charts");
    loss(html);
    heldOut(html);
    chart(
        html,
        "learning-rate",
        "Learning rate",
        "The rate of the update, by step.",
        ReportData.Step::learningRate,
        Numbers::rate);
    withMean(
        html,
        "gradient-norm",
        "Gradient norm",
        "The L2 norm of the gradient before clipping, by step. Peaks are steps whose rows surprised"
            + " the model.",
        ReportData.Step::gradientNorm);
    withMean(
        html,
        "speed",
        "Tokens per second",
        "Tokens of a step over its time, evaluations and saving left out.",
        step -> step.seconds() > 0 ? step.tokens() / step.seconds() : Double.NaN);
    html.close();
  }

  private Curve curve(ToDoubleFunction<ReportData.Step> value) {
    return new Curve(
        data.steps().stream()
            .map(step -> new Point(step.step(), value.applyAsDouble(step)))
            .toList());
  }

  private void loss(Html html) {
    withMean(
        html,
        "training-loss",
        "Training loss",
        "The loss of each step's rows, " + data.headline().unit() + ", before the step's update.",
        ReportData.Step::loss);
  }

  private void heldOut(Html html) {
    Curve curve =
        new Curve(data.evaluations().stream().map(e -> new Point(e.step(), e.loss())).toList());
    if (!curve.isEmpty()) {
      new LineChart(
              "held-out-loss",
              "Held-out loss",
              "The loss on rows that are not trained on, "
                  + data.headline().unit()
                  + "; step 0 is before training.",
              List.of(new Line("held-out loss", Style.SECOND, curve)),
              Numbers::brief)
          .add(html);
    }
  }

  private void withMean(
      Html html,
      String id,
      String title,
      String description,
      ToDoubleFunction<ReportData.Step> value) {
    Curve curve = curve(value);
    List<Line> lines = new ArrayList<>();
    if (curve.points().size() < LEAST_FOR_A_MEAN) {
      lines.add(new Line("each step", Style.MAIN, curve));
    } else {
      int window = curve.points().size() / PARTS;
      lines.add(new Line("each step", Style.FAINT, curve));
      lines.add(new Line("mean of " + window + " steps", Style.MAIN, curve.trailingMean(window)));
    }
    add(html, id, title, description, lines, Numbers::brief);
  }

  private void chart(
      Html html,
      String id,
      String title,
      String description,
      ToDoubleFunction<ReportData.Step> value,
      DoubleFunction<String> format) {
    add(html, id, title, description, List.of(new Line(title, Style.MAIN, curve(value))), format);
  }

  private static void add(
      Html html,
      String id,
      String title,
      String description,
      List<Line> lines,
      DoubleFunction<String> format) {
    if (lines.stream().anyMatch(line -> !line.curve().isEmpty())) {
      new LineChart(id, title, description, lines, format).add(html);
    }
  }
}
