package dev.finetune.trainer.rows;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Rows of files, one file after the other. Reading them again gives the same rows in the same
 * order.
 *
 * @param name what to call all of them in messages: a path or a URI
 * @param files at least one
 * @param columns which names of the files stand for which of the format
 */
public record RowSource(String name, List<Path> files, Columns columns) {
  /** Keeps an unmodifiable copy of the files. */
  public RowSource {
    files = List.copyOf(files);
    if (files.isEmpty()) {
      throw new IllegalArgumentException("a source must have a file");
    }
  }

  /** Returns the rows of one file, with the names that it has. */
  public static RowSource of(Path file) {
    return new RowSource(file.toString(), List.of(file), Columns.AS_WRITTEN);
  }

  /**
   * Gives each row to the sink. No more than one row of text, or one group of rows of a Parquet
   * file, is in memory.
   *
   * @throws UnreadableData if a file is missing or of no known kind, or nothing can be read from
   *     some row on, with file and line; or if no row of a file has a column that was to be read
   */
  public void forEach(RowSink sink) {
    for (Path file : files) {
      Renaming renaming = new Renaming(file, sink);
      RowFile.read(file, renaming);
      renaming.requireAll();
    }
  }

  /** Gives columns the names of the format and notes which of them there were. */
  private final class Renaming implements RowSink {
    private final Path file;
    private final RowSink sink;
    private final Set<String> missing;
    private List<String> first = List.of();
    private boolean empty = true;

    Renaming(Path file, RowSink sink) {
      this.file = file;
      this.sink = sink;
      this.missing = new HashSet<>(columns.names().values());
    }

    @Override
    public void row(Row row) {
      JsonNode object = row.object();
      missing.removeIf(object::has);
      if (empty) {
        empty = false;
        first = new ArrayList<>();
        object.fieldNames().forEachRemaining(first::add);
      }
      sink.row(new Row(row.file(), row.unit(), row.line(), columns.renamed(object), columns));
    }

    @Override
    public void broken(String brokenFile, String place, UnreadableData problem) {
      sink.broken(brokenFile, place, problem);
    }

    /** An optional field that is misspelt would else be read as empty, in silence. */
    void requireAll() {
      if (!empty && !missing.isEmpty()) {
        throw new UnreadableData(
            "%s: %s: expected column %s, but no row has it; the first row has %s"
                .formatted(
                    file,
                    columns.field(),
                    missing.stream().sorted().map(name -> "'" + name + "'").toList(),
                    first.stream().limit(30).map(name -> "'" + name + "'").toList()));
      }
    }
  }
}
