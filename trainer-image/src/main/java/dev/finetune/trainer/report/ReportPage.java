package dev.finetune.trainer.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The report of a run as one HTML page that needs nothing else: no network, no script, no font. The
 * same data make the same page. It follows the reader's choice of light or dark, and its policy for
 * content forbids scripts and requests, should an escape ever fail.
 */
public final class ReportPage {
  /** Name of the file. */
  public static final String FILE = "report.html";

  private static final String STYLE = "report.css";
  private static final String POLICY =
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

  private ReportPage() {}

  /** A part of the page with a name that can be linked to. */
  interface Section {
    /** Returns the id. */
    String id();

    /** Returns the title. */
    String title();

    /** Adds what stands below the title. */
    void add(Html html);
  }

  /** Returns the page. */
  public static String html(ReportData data) {
    List<Section> sections = sections(data);
    Html html = new Html();
    html.open("html", "lang", "en");
    head(html, data);
    html.open("body");
    html.element("a", "Skip to the report", "class", "skip", "href", "#content");
    new Headline(data).add(html);
    html.open("nav", "aria-label", "Sections").open("ul");
    for (Section section : sections) {
      html.open("li").element("a", section.title(), "href", "#" + section.id()).close();
    }
    html.close().close();
    html.open("main", "id", "content");
    for (Section section : sections) {
      html.open("section", "id", section.id(), "aria-labelledby", section.id() + "-heading");
      html.element("h2", section.title(), "id", section.id() + "-heading");
      section.add(html);
      html.close();
    }
    html.close();
    html.element(
        "footer",
        "Made by the trainer at the end of the run. The page has no script and asks no server.");
    return html.close().close().page();
  }

  private static List<Section> sections(ReportData data) {
    List<Section> sections = new ArrayList<>();
    sections.add(new Curves(data));
    if (data.quality() != null) {
      sections.add(new QualitySection(data.quality()));
    }
    if (!data.samples().isEmpty()) {
      sections.add(new Samples(data.samples()));
    }
    if (data.forgetting() != null) {
      sections.add(new ForgettingSection(data.forgetting()));
    }
    if (!data.data().isEmpty()) {
      sections.add(new DataSets(data.data()));
    }
    if (data.rows() != null) {
      sections.add(new StandingOut(data.rows(), data.headline().unit()));
    }
    if (data.memory() != null) {
      sections.add(new MemorySection(data.memory()));
    }
    sections.add(new ProvenanceSection(data.provenance()));
    return sections;
  }

  private static void head(Html html, ReportData data) {
    html.open("head");
    html.empty("meta", "charset", "utf-8");
    html.empty("meta", "http-equiv", "Content-Security-Policy", "content", POLICY);
    html.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    html.empty("meta", "name", "color-scheme", "content", "light dark");
    html.empty("meta", "name", "referrer", "content", "no-referrer");
    html.element("title", Excerpt.of(data.headline().job(), 100) + " – fine-tuning report");
    html.open("style").markup(style()).close();
    html.close();
  }

  private static String style() {
    try (InputStream in = ReportPage.class.getResourceAsStream(STYLE)) {
      if (in == null) {
        throw new IllegalStateException("no resource " + STYLE);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(STYLE + " cannot be read", e);
    }
  }
}
