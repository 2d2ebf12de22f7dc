package dev.finetune.trainer.report;

import dev.finetune.trainer.report.ReportData.DataSet;
import dev.finetune.trainer.report.ReportData.DataSet.Finding;
import dev.finetune.trainer.report.ReportData.Fact;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What reading the data came to. */
record DataSets(List<DataSet> sets) implements ReportPage.Section {
  private static final int LONGEST_LIST = 200;

  @Override
  public String id() {
    return "data";
  }

  @Override
  public String title() {
    return "Data";
  }

  @Override
  public void add(Html html) {
    Set<String> names = new LinkedHashSet<>();
    sets.forEach(set -> set.facts().forEach(fact -> names.add(fact.name())));
    Table table = new Table(html, "The data sets as they were read");
    List<String> head = new ArrayList<>(List.of(""));
    head.addAll(names);
    table.head(head, 0);
    for (DataSet set : sets) {
      table.open(set.name());
      for (String name : names) {
        table.number(value(set, name));
      }
      table.close();
    }
    table.end();
    findings(html);
  }

  private static String value(DataSet set, String name) {
    return set.facts().stream()
        .filter(fact -> fact.name().equals(name))
        .findFirst()
        .map(Fact::value)
        .orElse("–");
  }

  private void findings(Html html) {
    if (sets.stream().allMatch(set -> set.findings().isEmpty())) {
      return;
    }
    html.element("h3", "What was noticed");
    Table table = new Table(html, "Problems of rows");
    table.head(List.of("Data set", "Problem", "Rows", "Count"), 2);
    for (DataSet set : sets) {
      for (Finding finding : set.findings()) {
        table.open(set.name());
        table.text(Excerpt.of(finding.what(), LONGEST_LIST));
        table.text(Excerpt.of(finding.rows(), LONGEST_LIST));
        table.number(Numbers.count(finding.count()));
        table.close();
      }
    }
    table.end();
  }
}
