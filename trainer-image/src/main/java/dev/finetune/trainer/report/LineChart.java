package dev.finetune.trainer.report;

import dev.finetune.trainer.report.Curve.Point;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;

/**
 * Curves over the steps of a run, as a figure: a drawing that shows values under the pointer
 * without a script, a legend, and a table of the same numbers for those who do not see it.
 *
 * @param id id of the figure, unique in the page
 * @param title what is drawn
 * @param description what the drawing shows, in a sentence
 * @param lines the curves, at least one point in all
 * @param format how a value is written
 */
record LineChart(
    String id, String title, String description, List<Line> lines, DoubleFunction<String> format) {
  private static final int WIDTH = 560;
  private static final int HEIGHT = 270;
  private static final int LEFT = 64;
  private static final int RIGHT = 12;
  private static final int TOP = 26;
  private static final int BOTTOM = 46;
  private static final int TICKS = 5;
  private static final int MOST_STRIPS = 100;
  private static final int MOST_ROWS = 40;
  private static final int FEW_POINTS = 40;

  /** How a curve is drawn; the style sheet has a colour and a kind of line for each. */
  enum Style {
    /** The curve that matters. */
    MAIN,
    /** Single values behind a mean of them. */
    FAINT,
    /** A second one beside it. */
    SECOND,
    /** A limit. */
    LIMIT
  }

  /**
   * A curve.
   *
   * @param name for the legend
   */
  record Line(String name, Style style, Curve curve) {}

  void add(Html html) {
    Axis x = Axis.ofSteps(low(true), high(true), TICKS);
    Axis y = Axis.of(low(false), high(false), TICKS);
    html.open("figure", "class", "chart", "id", id);
    html.element("h3", title);
    html.open(
        "svg",
        "viewBox",
        "0 0 " + WIDTH + " " + HEIGHT,
        "role",
        "img",
        "aria-labelledby",
        id + "-title " + id + "-text");
    html.element("title", title, "id", id + "-title");
    html.element("desc", description, "id", id + "-text");
    grid(html, x, y);
    for (Line line : lines) {
      draw(html, line, x, y);
    }
    strips(html, x);
    html.close();
    legend(html);
    html.element("figcaption", description);
    table(html);
    html.close();
  }

  private double low(boolean x) {
    return lines.stream()
        .flatMap(line -> line.curve().points().stream())
        .mapToDouble(point -> x ? point.x() : point.y())
        .min()
        .orElse(0);
  }

  private double high(boolean x) {
    return lines.stream()
        .flatMap(line -> line.curve().points().stream())
        .mapToDouble(point -> x ? point.x() : point.y())
        .max()
        .orElse(1);
  }

  private static double left(Axis x, double value) {
    return LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
  }

  private static double top(Axis y, double value) {
    return TOP + (1 - y.place(value)) * (HEIGHT - TOP - BOTTOM);
  }

  private void grid(Html html, Axis x, Axis y) {
    html.open("g", "class", "grid");
    for (double tick : y.ticks()) {
      String at = number(top(y, tick));
      html.empty("line", "x1", LEFT, "x2", WIDTH - RIGHT, "y1", at, "y2", at);
      html.element(
          "text",
          Numbers.tick(tick, y.step()),
          "x",
          LEFT - 8,
          "y",
          at,
          "class",
          "value",
          "dominant-baseline",
          "middle");
    }
    for (double tick : x.ticks()) {
      String at = number(left(x, tick));
      html.element(
          "text",
          String.format(Locale.ROOT, "%.0f", tick),
          "x",
          at,
          "y",
          HEIGHT - BOTTOM + 18,
          "class",
          "step");
    }
    html.element("text", "step", "x", WIDTH - RIGHT, "y", HEIGHT - 4, "class", "value");
    html.close();
  }

  private static void draw(Html html, Line line, Axis x, Axis y) {
    List<Point> points = line.curve().drawn().points();
    StringBuilder path = new StringBuilder(points.size() * 12);
    for (Point point : points) {
      path.append(path.isEmpty() ? 'M' : 'L')
          .append(number(left(x, point.x())))
          .append(' ')
          .append(number(top(y, point.y())));
    }
    String style = line.style().name().toLowerCase(Locale.ROOT);
    html.empty("path", "class", "line " + style, "d", path);
    if (points.size() <= FEW_POINTS && line.style() != Style.LIMIT) {
      for (Point point : points) {
        html.empty(
            "circle",
            "class",
            "dot " + style,
            "cx",
            number(left(x, point.x())),
            "cy",
            number(top(y, point.y())),
            "r",
            "3");
      }
    }
  }

  /** Values at a step, by the place of their curve. */
  private record Reading(double step, List<String> values) {}

  /** Returns values at some steps of the curve with the most points, and all that it shares. */
  private List<Reading> readings(int most) {
    return lines.stream()
        .map(Line::curve)
        .max(Comparator.comparingInt(curve -> curve.points().size()))
        .map(curve -> curve.samples(most).stream().map(point -> reading(point.x())).toList())
        .orElse(List.of());
  }

  private Reading reading(double step) {
    List<String> values = new ArrayList<>();
    for (Line line : lines) {
      values.add(
          line.curve().points().stream()
              .filter(point -> point.x() == step)
              .findFirst()
              .map(point -> format.apply(point.y()))
              .orElse(""));
    }
    return new Reading(step, values);
  }

  /** Upright strips that show their values while the pointer is above them. */
  private void strips(Html html, Axis x) {
    List<Reading> readings = readings(MOST_STRIPS);
    for (int i = 0; i < readings.size(); i++) {
      double here = left(x, readings.get(i).step());
      double from = i == 0 ? LEFT : (left(x, readings.get(i - 1).step()) + here) / 2;
      double to =
          i == readings.size() - 1
              ? WIDTH - RIGHT
              : (left(x, readings.get(i + 1).step()) + here) / 2;
      html.open("g", "class", "hit");
      html.empty(
          "rect",
          "x",
          number(from),
          "y",
          TOP,
          "width",
          number(Math.max(0, to - from)),
          "height",
          HEIGHT - TOP - BOTTOM);
      html.empty("line", "x1", number(here), "x2", number(here), "y1", TOP, "y2", HEIGHT - BOTTOM);
      boolean leftHalf = here < WIDTH / 2.0;
      html.element(
          "text",
          sentence(readings.get(i)),
          "x",
          number(leftHalf ? Math.max(LEFT, here - 20) : Math.min(WIDTH - RIGHT, here + 20)),
          "y",
          TOP - 10,
          "class",
          leftHalf ? "from" : "to");
      html.close();
    }
  }

  private String sentence(Reading reading) {
    StringBuilder text = new StringBuilder(String.format(Locale.ROOT, "step %.0f", reading.step()));
    for (int i = 0; i < lines.size(); i++) {
      if (!reading.values().get(i).isEmpty() && lines.get(i).style() != Style.LIMIT) {
        text.append(" · ");
        if (lines.size() > 1) {
          text.append(lines.get(i).name()).append(' ');
        }
        text.append(reading.values().get(i));
      }
    }
    return text.toString();
  }

  private void legend(Html html) {
    if (lines.size() < 2) {
      return;
    }
    html.open("ul", "class", "legend");
    for (Line line : lines) {
      html.open("li");
      html.open("svg", "viewBox", "0 0 28 8", "aria-hidden", "true");
      html.empty(
          "path",
          "class",
          "line " + line.style().name().toLowerCase(Locale.ROOT),
          "d",
          "M1 4L27 4");
      html.close().text(line.name()).close();
    }
    html.close();
  }

  private void table(Html html) {
    List<Reading> readings = readings(MOST_ROWS);
    html.open("details").element("summary", "The numbers as a table");
    Table table = new Table(html, title + ", by step");
    List<String> head = new ArrayList<>(List.of("Step"));
    lines.forEach(line -> head.add(line.name()));
    table.head(head, 0);
    for (Reading reading : readings) {
      table.open(String.format(Locale.ROOT, "%.0f", reading.step()));
      reading.values().forEach(table::number);
      table.close();
    }
    table.end();
    html.close();
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
