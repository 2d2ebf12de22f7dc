package dev.finetune.trainer.report;

import java.util.List;

/** Writes a table that scrolls by itself where the page is narrow, also by keyboard. */
final class Table {
  private final Html html;

  /**
   * Begins a table.
   *
   * @param caption what it holds, for those who do not see what is around it
   */
  Table(Html html, String caption) {
    this.html = html;
    html.open("div", "class", "scroll", "role", "region", "tabindex", "0", "aria-label", caption);
    html.open("table").element("caption", caption);
  }

  /**
   * Writes the names of the columns and begins the rows.
   *
   * @param texts how many columns after the first are texts; the others are numbers
   */
  void head(List<String> names, int texts) {
    html.open("thead").open("tr");
    for (int i = 0; i < names.size(); i++) {
      html.element("th", names.get(i), "scope", "col", "class", i <= texts ? "" : "number");
    }
    html.close().close().open("tbody");
  }

  /** Begins a row by its name. */
  void open(String name) {
    html.open("tr").open("th", "scope", "row").element("bdi", name).close();
  }

  void number(String value) {
    html.element("td", value, "class", "number");
  }

  /** Adds a text, which may come from anywhere. */
  void text(String value) {
    html.open("td", "class", "text").element("bdi", value).close();
  }

  /** Adds something that identifies, such as a digest. */
  void code(String value) {
    html.open("td", "class", "text").element("code", value).close();
  }

  /** Ends a row. */
  void close() {
    html.close();
  }

  void end() {
    html.close().close().close();
  }
}
