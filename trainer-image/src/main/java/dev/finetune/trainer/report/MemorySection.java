package dev.finetune.trainer.report;

import dev.finetune.trainer.report.ReportData.Memory;
import java.util.ArrayList;
import java.util.List;

/** The plan against what was measured. */
record MemorySection(Memory memory) implements ReportPage.Section {
  @Override
  public String id() {
    return "memory";
  }

  @Override
  public String title() {
    return "Memory: plan and measurement";
  }

  @Override
  public void add(Html html) {
    List<BarChart.Bar> bars = new ArrayList<>();
    for (Memory.Bar bar : memory.bars()) {
      bars.add(new BarChart.Bar(bar.name() + ", predicted", bar.predicted(), "predicted"));
      if (bar.measured() != null) {
        bars.add(new BarChart.Bar(bar.name() + ", measured", bar.measured(), "measured"));
      }
    }
    String limit = "%s is %s".formatted(memory.limitSource(), Numbers.bytes(memory.limit()));
    new BarChart(
            "memory-chart",
            "Peaks of memory",
            "The limit, " + limit + ". What was measured is of the last attempt.",
            bars,
            memory.limit(),
            "limit",
            Numbers::bytes)
        .add(html);
    memory.remarks().forEach(remark -> html.element("p", remark));
    Table table =
        new Table(html, "What the prediction is made of, at the peak of " + memory.moment());
    table.head(List.of("For", "Size"), 0);
    for (Memory.Part part : memory.parts()) {
      table.open(part.name());
      table.number(Numbers.bytes(part.bytes()));
      table.close();
    }
    table.end();
  }
}
