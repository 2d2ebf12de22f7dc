package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.DataSource;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.rows.Columns;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Rows that a job names and how they are read.
 *
 * @param field field of the job, such as {@code spec.dataset.mixture[0].uri}
 * @param uri file, or several by a pattern
 * @param weight how many times an epoch sees them
 * @param format how each is read
 * @param columns names that differ
 */
record RowsOfJob(String field, String uri, double weight, DatasetFormat format, Columns columns) {
  private static final String COLUMNS = "spec.dataset.columns";

  /** Returns the sources to train on, of which the first is that of {@code dataset.train}. */
  static List<RowsOfJob> training(FineTuneJobSpec spec) {
    Dataset dataset = spec.dataset();
    List<RowsOfJob> all = new ArrayList<>();
    all.add(asTrain(spec, "spec.dataset.train", dataset.train()));
    List<DataSource> mixture = dataset.mixture() == null ? List.of() : dataset.mixture();
    for (int i = 0; i < mixture.size(); i++) {
      all.add(mixed(spec, "spec.dataset.mixture[" + i + "]", mixture.get(i)));
    }
    return all;
  }

  /** Returns the held-out rows, or null if the job names none. */
  static @Nullable RowsOfJob eval(FineTuneJobSpec spec) {
    String uri = spec.dataset().eval();
    return uri == null ? null : asTrain(spec, "spec.dataset.eval", uri);
  }

  private static RowsOfJob asTrain(FineTuneJobSpec spec, String field, String uri) {
    DatasetFormat format = spec.datasetFormat();
    return new RowsOfJob(
        field, uri, 1, format, Columns.of(COLUMNS, spec.dataset().columns(), format));
  }

  /** Columns of its own, else those of the data set if its rows are read alike. */
  private static RowsOfJob mixed(FineTuneJobSpec spec, String field, DataSource source) {
    DatasetFormat format = source.format() == null ? spec.datasetFormat() : source.format();
    Columns columns =
        source.columns() == null && format == spec.datasetFormat()
            ? Columns.of(COLUMNS, spec.dataset().columns(), format)
            : Columns.of(field + ".columns", source.columns(), format);
    return new RowsOfJob(field + ".uri", source.uri(), source.weight(), format, columns);
  }
}
