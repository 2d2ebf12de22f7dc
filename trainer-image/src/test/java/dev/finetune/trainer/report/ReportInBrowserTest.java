package dev.finetune.trainer.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The report as people see it. Pictures of it are left in {@code target/report}. */
class ReportInBrowserTest {
  private static final Path PICTURES = Path.of("target", "report");
  private static final int WIDE = 1280;
  private static final int PHONE = 375;

  @TempDir private static Path folder;
  private static HeadlessBrowser browser;
  private static Path page;

  @BeforeAll
  static void start() throws Exception {
    Optional<Path> executable = HeadlessBrowser.find();
    assumeTrue(
        executable.isPresent(),
        "no Chromium on the path (Debian: apt-get install chromium-headless-shell) nor in"
            + " -Dfinetune.browser");
    page = PICTURES.resolve("report.html").toAbsolutePath();
    Files.createDirectories(PICTURES);
    Files.writeString(page, ReportPage.html(ReportExamples.whole(600)));
    browser = HeadlessBrowser.start(executable.get(), folder.resolve("profile"));
  }

  @AfterAll
  static void stop() throws Exception {
    if (browser != null) {
      browser.close();
    }
  }

  @BeforeEach
  void open() throws Exception {
    browser.open(page, WIDE, 900, false);
  }

  @Test
  void asksForNothingRunsNothingAndHasNoErrors() throws Exception {
    assertThat(browser.events("Network.requestWillBeSent"))
        .extracting(event -> event.path("request").path("url").asText())
        .containsExactly(page.toUri().toString());
    assertThat(browser.events("Log.entryAdded")).isEmpty();
    assertThat(browser.events("Runtime.exceptionThrown")).isEmpty();
    assertThat(browser.events("Runtime.consoleAPICalled")).isEmpty();
    assertThat(browser.evaluate("typeof window.broken").asText()).isEqualTo("undefined");
    assertThat(browser.evaluate("document.scripts.length + document.images.length").asInt())
        .isZero();
    assertThat(browser.evaluate("document.compatMode").asText()).isEqualTo("CSS1Compat");
  }

  @Test
  void forbidsScriptsAndRequestsShouldAnEscapeFail() throws Exception {
    String broken =
        Files.readString(page)
            .replace(
                "<main",
                "<script>window.broken = 1</script>"
                    + "<img src=\"http://example.invalid/a.png\" onerror=\"window.broken = 2\"/><main");
    Path file = Files.writeString(folder.resolve("broken.html"), broken);
    browser.open(file, WIDE, 900, false);
    assertThat(browser.evaluate("typeof window.broken").asText()).isEqualTo("undefined");
    assertThat(browser.events("Log.entryAdded").toString()).contains("Content Security Policy");
    assertThat(browser.events("Network.responseReceived")).hasSize(1);
  }

  @Test
  void showsEverySectionAndDrawsEveryChartWithinItsFrame() throws Exception {
    assertThat(
            browser
                .evaluate(
                    "[...document.querySelectorAll('nav a')].filter(a => {"
                        + " const s = document.querySelector(a.getAttribute('href'));"
                        + " return s && s.getBoundingClientRect().height > 60; }).length")
                .asInt())
        .isEqualTo(8);
    JsonNode charts =
        browser.evaluate(
            "[...document.querySelectorAll('figure')].map(f => {"
                + " const frame = f.querySelector('svg').getBoundingClientRect();"
                + " const marks = [...f.querySelectorAll(':scope > svg path.line, :scope > svg rect.bar')];"
                + " return {id: f.id, marks: marks.length, inside: marks.every(m => {"
                + "   const b = m.getBoundingClientRect(); return b.width > 0 && b.left >= frame.left - 1"
                + "     && b.right <= frame.right + 1 && b.top >= frame.top && b.bottom <= frame.bottom; })}; })");
    assertThat(charts)
        .extracting(chart -> chart.path("id").asText())
        .containsExactly(
            "training-loss",
            "held-out-loss",
            "learning-rate",
            "gradient-norm",
            "speed",
            "general-loss",
            "memory-chart");
    assertThat(charts)
        .allSatisfy(
            chart -> {
              assertThat(chart.path("marks").asInt()).isPositive();
              assertThat(chart.path("inside").asBoolean()).as(chart.toString()).isTrue();
            });
  }

  @Test
  void showsTheValuesUnderThePointer() throws Exception {
    String shown =
        "[...document.querySelectorAll('#training-loss .hit text')]"
            + ".filter(t => getComputedStyle(t).opacity === '1').map(t => t.textContent)";
    assertThat(browser.evaluate(shown)).isEmpty();
    JsonNode middle =
        browser.evaluate(
            "(() => { const b = document.querySelector('#training-loss svg').getBoundingClientRect();"
                + " return {x: b.left + b.width / 2, y: b.top + b.height / 2}; })()");
    browser.send(
        "Input.dispatchMouseEvent",
        "type",
        "mouseMoved",
        "x",
        middle.path("x").asDouble(),
        "y",
        middle.path("y").asDouble());
    JsonNode texts = browser.evaluate(shown);
    assertThat(texts).hasSize(1);
    assertThat(texts.get(0).asText())
        .matches("step \\d+ · each step [\\d.]+ · mean of 24 steps [\\d.]+");
  }

  @Test
  void tellsReadersOfScreensWhatTheChartsShow() throws Exception {
    JsonNode nodes = browser.send("Accessibility.getFullAXTree").path("nodes");
    TreeSet<String> pictures = new TreeSet<>();
    for (JsonNode node : nodes) {
      if (node.path("role").path("value").asText().equals("image")
          && !node.path("ignored").asBoolean()) {
        pictures.add(node.path("name").path("value").asText());
      }
    }
    assertThat(pictures)
        .hasSize(7)
        .anySatisfy(name -> assertThat(name).startsWith("Training loss"))
        .anySatisfy(name -> assertThat(name).contains("Process, measured: 731 MiB"));
    assertThat(
            browser
                .evaluate(
                    "[...document.querySelectorAll('figure')].filter(f =>"
                        + " f.querySelector('details table tbody tr')).length")
                .asInt())
        .as("charts with a table of their numbers; the bars have theirs beside")
        .isEqualTo(6);
  }

  @Test
  void isReadByKeyboard() throws Exception {
    browser.send(
        "Input.dispatchKeyEvent", "type", "rawKeyDown", "key", "Tab", "windowsVirtualKeyCode", 9);
    assertThat(browser.evaluate("document.activeElement.textContent").asText())
        .isEqualTo("Skip to the report");
    assertThat(browser.evaluate("document.activeElement.getBoundingClientRect().left").asDouble())
        .isBetween(0.0, 100.0);
    assertThat(
            browser
                .evaluate(
                    "[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0 && e.ariaLabel)")
                .asBoolean())
        .isTrue();
  }

  @Test
  void fitsAPhone() throws Exception {
    browser.open(page, PHONE, 700, false);
    assertThat(browser.evaluate("document.documentElement.scrollWidth").asInt())
        .isLessThanOrEqualTo(PHONE);
    double smallest =
        browser
            .evaluate(
                "Math.min(...[...document.querySelectorAll('figure > svg text')].map(t =>"
                    + " parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getBoundingClientRect().width"
                    + " / t.ownerSVGElement.viewBox.baseVal.width))")
            .asDouble();
    assertThat(smallest).as("pixels of the smallest text of a chart").isGreaterThan(10.5);
    browser.picture(PICTURES.resolve("phone.png"));
  }

  @Test
  void isReadableInLightAndDark() throws Exception {
    double light = luminance(picture("light.png", false));
    double dark = luminance(picture("dark.png", true));
    assertThat(light).isGreaterThan(0.85);
    assertThat(dark).isLessThan(0.2);
  }

  private BufferedImage picture(String name, boolean dark) throws Exception {
    browser.open(page, WIDE, 900, dark);
    JsonNode contrasts = browser.evaluate(CONTRASTS);
    assertThat(contrasts).hasSizeGreaterThan(4);
    contrasts
        .properties()
        .forEach(
            entry ->
                assertThat(entry.getValue().asDouble())
                    .as("contrast of %s in %s", entry.getKey(), name)
                    .isGreaterThan(4.5));
    Path file = PICTURES.resolve(name);
    browser.picture(file);
    return ImageIO.read(file.toFile());
  }

  /** Contrast of texts to what is behind them, as WCAG 2.2 defines it, by the kind of text. */
  private static final String CONTRASTS =
      """
      (() => {
        const level = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
        const light = rgb => 0.2126 * level(rgb[0]) + 0.7152 * level(rgb[1]) + 0.0722 * level(rgb[2]);
        const parse = text => text.match(/[\\d.]+/g).map(Number);
        const behind = e => {
          for (let n = e; n; n = n.parentElement) {
            const c = parse(getComputedStyle(n).backgroundColor);
            if (c.length === 3 || c[3] === 1) return c;
          }
          return [255, 255, 255];
        };
        const result = {};
        for (const kind of ['h1', '.lead', '.word', 'nav a', 'td.number', 'thead th', 'summary',
            'figcaption', '.grid text', '.facts dt', 'footer', 'code']) {
          const e = document.querySelector(kind);
          const style = getComputedStyle(e);
          const a = light(parse(e instanceof SVGElement ? style.fill : style.color));
          const b = light(behind(e));
          result[kind] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }
        return result;
      })()
      """;

  private static double luminance(BufferedImage image) {
    return IntStream.range(0, 10_000)
        .map(i -> image.getRGB(i * 31 % image.getWidth(), i * 17 % image.getHeight()))
        .mapToDouble(rgb -> ((rgb >> 16 & 255) + (rgb >> 8 & 255) + (rgb & 255)) / 765.0)
        .average()
        .orElseThrow();
  }
}
