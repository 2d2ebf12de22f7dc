package dev.finetune.trainer.report;

import dev.finetune.trainer.report.ReportData.Fact;
import dev.finetune.trainer.report.ReportData.Provenance;
import java.util.List;

/** Of what the adapter was made, and how. */
record ProvenanceSection(Provenance provenance) implements ReportPage.Section {
  private static final int LONGEST_TEXT = 400;
  private static final int LONGEST_CONFIGURATION = 60_000;

  @Override
  public String id() {
    return "provenance";
  }

  @Override
  public String title() {
    return "Provenance";
  }

  @Override
  public void add(Html html) {
    Table sources = new Table(html, "Which bytes were read");
    sources.head(List.of("Field", "URI", "Digest", "Size"), 2);
    for (Provenance.Origin origin : provenance.sources()) {
      sources.open(origin.field());
      sources.text(Excerpt.of(origin.uri(), LONGEST_TEXT));
      sources.code(Excerpt.of(origin.digest(), LONGEST_TEXT));
      sources.number(Numbers.bytes(origin.bytes()));
      sources.close();
    }
    sources.end();
    html.element("h3", "Computation");
    html.open("dl", "class", "plain");
    for (Fact fact : provenance.computation()) {
      html.element("dt", fact.name());
      html.open("dd").element("bdi", Excerpt.of(fact.value(), LONGEST_TEXT)).close();
    }
    html.close();
    html.element("h3", "Configuration");
    html.open("details").element("summary", "The job as YAML, with defaults filled in");
    html.open("pre", "tabindex", "0", "role", "region", "aria-label", "The job as YAML");
    html.element("code", Excerpt.of(provenance.configuration(), LONGEST_CONFIGURATION));
    html.close().close();
  }
}
