package dev.finetune.trainer.report;

import java.util.List;
import java.util.Locale;
import java.util.function.LongFunction;

/**
 * Lying bars on one scale, as a figure. The values stand beside the bars, so no table is needed.
 *
 * @param id id of the figure, unique in the page
 * @param title what is drawn
 * @param description what the drawing shows, in a sentence
 * @param bars the bars
 * @param limit value of the line that no bar should cross
 * @param limitName what the line stands for
 * @param format how a value is written
 */
record BarChart(
    String id,
    String title,
    String description,
    List<Bar> bars,
    long limit,
    String limitName,
    LongFunction<String> format) {
  private static final int WIDTH = 560;
  private static final int ROW = 46;
  private static final int BAR = 14;
  private static final int TOP = 8;

  /**
   * A bar.
   *
   * @param style class of the style sheet: {@code predicted} or {@code measured}
   */
  record Bar(String name, long value, String style) {}

  void add(Html html) {
    long longest = bars.stream().mapToLong(Bar::value).max().orElse(1);
    // A limit far beyond all bars would make them too short to be compared.
    boolean withLimit = limit < 4 * longest;
    double scale = WIDTH / (double) Math.max(1, withLimit ? Math.max(longest, limit) : longest);
    int height = TOP + bars.size() * ROW;
    html.open("figure", "class", "chart", "id", id).element("h3", title);
    html.open(
        "svg",
        "viewBox",
        "0 0 " + WIDTH + " " + height,
        "role",
        "img",
        "aria-labelledby",
        id + "-title " + id + "-text");
    html.element("title", title, "id", id + "-title");
    html.element("desc", text(), "id", id + "-text");
    for (int i = 0; i < bars.size(); i++) {
      Bar bar = bars.get(i);
      int y = TOP + i * ROW;
      String label = bar.name() + ": " + format.apply(bar.value());
      html.element("text", label, "x", 0, "y", y + 14, "class", "from");
      html.empty(
          "rect",
          "class",
          "bar " + bar.style(),
          "x",
          0,
          "y",
          y + 21,
          "rx",
          2,
          "width",
          number(Math.max(1, bar.value() * scale)),
          "height",
          BAR);
    }
    if (withLimit) {
      String x = number(Math.min(WIDTH - 1.0, limit * scale));
      html.empty("line", "class", "line limit", "x1", x, "x2", x, "y1", 0, "y2", height);
    }
    html.close();
    html.element("figcaption", description + (withLimit ? "" : " (far beyond these bars)"));
    html.close();
  }

  private String text() {
    StringBuilder text = new StringBuilder();
    bars.forEach(
        bar -> text.append(bar.name()).append(": ").append(format.apply(bar.value())).append("; "));
    return text.append(limitName).append(": ").append(format.apply(limit)).toString();
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
