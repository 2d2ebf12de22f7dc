package dev.finetune.trainer.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.report.Curve.Point;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class ReportPageTest {
  private static final Pattern HEADING = Pattern.compile("<h2 [^>]*>([^<]*)</h2>");

  @Test
  void hasASectionForEverythingThatWasMeasured() {
    assertThat(headings(ReportPage.html(ReportExamples.whole(500))))
        .containsExactly(
            "Curves",
            "Metrics on held-out rows",
            "Sample answers",
            "Forgetting",
            "Data",
            "Rows that stand out",
            "Memory: plan and measurement",
            "Provenance");
  }

  @Test
  void saysWhatWasNotMeasured() {
    String page = ReportPage.html(ReportExamples.least());
    assertThat(headings(page)).containsExactly("Curves", "Provenance");
    assertThat(page)
        .contains("No rows were held out, so nothing here says how the adapter does")
        .contains("The metrics of the steps could not be read back from storage.");
  }

  @Test
  void saysInWordsHowGoodTheAdapterIs() {
    assertThat(ReportPage.html(ReportExamples.whole(500)))
        .contains("the loss fell from 3.1000 to 1.9221 nats per token, by 38.0\u00a0%.")
        .contains("<dt>Perplexity</dt><dd>22.20 → 6.84</dd>")
        .contains("overfitting.");
  }

  /** A parser of XML is stricter than one of HTML: whatever escapes its element shows. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 59, 60, 5000})
  void isWellFormedWhateverTheDataHold(int steps) throws Exception {
    String page = ReportPage.html(ReportExamples.whole(steps));
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
    Element root =
        factory
            .newDocumentBuilder()
            .parse(
                new ByteArrayInputStream(
                    page.replace("<!DOCTYPE html>", "").getBytes(StandardCharsets.UTF_8)))
            .getDocumentElement();
    assertThat(root.getElementsByTagName("script").getLength()).isZero();
    assertThat(root.getElementsByTagName("img").getLength()).isZero();
    NodeList all = root.getElementsByTagName("*");
    for (int i = 0; i < all.getLength(); i++) {
      for (String attribute : List.of("src", "onerror", "onclick", "srcset", "action")) {
        assertThat(((Element) all.item(i)).hasAttribute(attribute)).as(attribute).isFalse();
      }
    }
    NodeList links = root.getElementsByTagName("a");
    for (int i = 0; i < links.getLength(); i++) {
      assertThat(((Element) links.item(i)).getAttribute("href")).startsWith("#");
    }
    assertThat(page).doesNotContain("http:").doesNotContain("https:").doesNotContain("url(");
    assertThat(page).doesNotContain("\u202e").doesNotContain("\u001b").contains("&lt;script&gt;");
  }

  @Test
  void hasABoundedSizeAndIsTheSameForTheSameData() {
    String page = ReportPage.html(ReportExamples.whole(100_000));
    assertThat(page.length()).isLessThan(400_000);
    assertThat(ReportPage.html(ReportExamples.whole(100_000))).isEqualTo(page);
  }

  @Test
  void tablesHaveTheNumbersOfTheCharts() {
    String page = ReportPage.html(ReportExamples.whole(10));
    assertThat(page).contains("<th scope=\"row\"><bdi>10</bdi></th>");
    assertThat(page.split("<figure", -1)).hasSize(8);
    assertThat(page.split("The numbers as a table", -1)).as("bars have theirs beside").hasSize(7);
  }

  @Test
  void drawsThePeakOfOneStepHoweverManyThereAre() {
    List<Point> points =
        IntStream.range(0, 70_001)
            .mapToObj(i -> new Point(i, i == 31_007 ? 9 : i == 12 ? -9 : i % 3))
            .toList();
    List<Point> drawn = new Curve(points).drawn().points();
    assertThat(drawn).hasSizeLessThanOrEqualTo(Curve.MOST_POINTS).isSubsetOf(points);
    assertThat(drawn).contains(new Point(31_007, 9), new Point(12, -9));
    assertThat(drawn).startsWith(points.getFirst()).endsWith(points.getLast());
    assertThat(drawn).isSortedAccordingTo((a, b) -> Double.compare(a.x(), b.x()));
    assertThat(new Curve(points.subList(0, 3)).drawn().points()).hasSize(3);
  }

  @Test
  void axesHaveRoundTicksAndRoomForAllValues() {
    assertThat(Axis.of(1.71, 3.32, 5).ticks()).containsExactly(1.5, 2.0, 2.5, 3.0, 3.5);
    assertThat(Axis.of(2, 2, 5).ticks()).hasSizeBetween(2, 8);
    assertThat(Axis.of(0, 0, 5).ticks()).hasSizeBetween(2, 8);
    assertThat(Axis.ofSteps(1, 500, 5).ticks()).containsExactly(100.0, 200.0, 300.0, 400.0, 500.0);
    assertThat(Axis.ofSteps(1, 1, 5).ticks()).containsExactly(1.0, 2.0);
  }

  @Test
  void numbersHaveTheDigitsThatCount() {
    assertThat(Numbers.rate(1.5e-4)).isEqualTo("1.5e-4");
    assertThat(Numbers.rate(2e-4)).isEqualTo("2e-4");
    assertThat(Numbers.rate(1e-10)).isEqualTo("1e-10");
    assertThat(Numbers.rate(0)).isEqualTo("0");
    assertThat(Numbers.rate(Double.NaN)).isEqualTo("NaN");
    assertThat(Numbers.tick(0.5, 0.5)).isEqualTo("0.5");
    assertThat(Numbers.tick(20_000, 5_000)).isEqualTo("20,000");
    assertThat(Numbers.tick(5e-5, 5e-5)).isEqualTo("5e-5");
    assertThat(Numbers.perplexity(1000)).isEqualTo("Infinity");
    assertThat(Numbers.bytes(1L << 40)).isEqualTo("1,024.0 GiB");
    assertThat(Numbers.time(7384)).isEqualTo("2 h 3 min");
  }

  @Test
  void excerptsKeepBeginningAndEndAndBreakNoCharacter() {
    assertThat(Excerpt.of("  short ", 20)).isEqualTo("short");
    String cut = Excerpt.of("\ud83d\ude00".repeat(50), 20);
    assertThat(cut.length()).isLessThanOrEqualTo(20);
    assertThat(cut.codePoints()).noneMatch(c -> c >= 0xd800 && c <= 0xdfff);
    assertThat(Excerpt.of("a".repeat(100) + "z", 20))
        .startsWith("aaaa")
        .endsWith("z")
        .contains("…");
  }

  private static List<String> headings(String page) {
    return HEADING.matcher(page).results().map(match -> match.group(1)).toList();
  }
}
