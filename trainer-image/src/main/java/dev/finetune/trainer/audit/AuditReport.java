package dev.finetune.trainer.audit;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.failure.MessageText;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.rows.RowSource;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What was found in the data of a job, and whether a run may begin with it. As JSON it is what
 * {@code trainer audit --json} prints.
 *
 * @param format how rows are read, as a job calls it
 * @param maxLength most tokens of an example
 * @param train rows to train on
 * @param eval rows of a file to hold out, or null
 * @param failures why a run must not begin, one sentence for each problem; empty if it may
 */
public record AuditReport(
    String format,
    int maxLength,
    DataAudit train,
    @Nullable DataAudit eval,
    List<String> failures) {
  private static final String MORE = "; and %d more problems, which trainer audit tells";
  private static final int MORE_LENGTH = MORE.length();

  /** Keeps an unmodifiable copy of the list. */
  public AuditReport {
    failures = List.copyOf(failures);
  }

  /**
   * Reads the data sets of a job once, row by row, and keeps none.
   *
   * @param trainRows takes what is left to train on; called for no row if the report fails before
   * @param evalRows takes what is left to hold out
   * @throws UnreadableData if a file is missing
   */
  public static AuditReport of(
      ExampleReader reader,
      AuditSettings settings,
      Files files,
      Consumer<Example> trainRows,
      Consumer<Example> evalRows) {
    return ofSources(reader, settings, files, (_, example) -> trainRows.accept(example), evalRows);
  }

  /** Takes an example to train on and the number of its source, of which train is 0. */
  public interface SourceRows {
    /** Takes the next one. */
    void add(int source, Example example);
  }

  /**
   * Reads the data sets of a job as {@link #of(ExampleReader, AuditSettings, Files, Consumer,
   * Consumer)} does, and says of which source each example is. Those of a mixture are held against
   * each other.
   *
   * @throws UnreadableData if a file is missing
   */
  public static AuditReport ofSources(
      ExampleReader reader,
      AuditSettings settings,
      Files files,
      SourceRows trainRows,
      Consumer<Example> evalRows) {
    RowSource eval = files.eval();
    String trainSource = files.train().name();
    DataAudit evalAudit = null;
    RowAudit audit;
    if (eval == null) {
      audit = RowAudit.of(Role.TRAIN, trainSource, settings);
    } else {
      RowAudit heldOut = RowAudit.of(Role.EVAL, eval.name(), settings);
      reader.read(eval, 0, row -> heldOut.add(row).ifPresent(evalRows));
      evalAudit = heldOut.result();
      audit = RowAudit.apartFrom(heldOut, trainSource, settings);
    }
    int rows =
        reader.read(files.train(), 0, row -> audit.add(row).ifPresent(e -> trainRows.add(0, e)));
    for (int i = 0; i < files.mixture().size(); i++) {
      Mixed mixed = files.mixture().get(i);
      int source = i + 1;
      int read =
          mixed
              .reader()
              .read(
                  mixed.source(),
                  rows,
                  row -> audit.add(row).ifPresent(e -> trainRows.add(source, e)));
      rows = Math.addExact(rows, read);
    }
    return of(ExampleReader.name(reader.format()), settings, audit.result(), evalAudit);
  }

  /** Puts together what was found in the rows to train on and in those to hold out, if any. */
  public static AuditReport of(
      String format, AuditSettings settings, DataAudit train, @Nullable DataAudit eval) {
    FailureText text = new FailureText(settings, format);
    List<String> failures =
        Stream.concat(Stream.of(train), Stream.ofNullable(eval)).flatMap(text::failures).toList();
    return new AuditReport(format, settings.maxLength(), train, eval, failures);
  }

  /**
   * The files of a job.
   *
   * @param mixture further rows to train on
   * @param eval rows to hold out, or null
   */
  public record Files(RowSource train, List<Mixed> mixture, @Nullable RowSource eval) {
    /** Keeps an unmodifiable copy of the list. */
    public Files {
      mixture = List.copyOf(mixture);
    }

    /** Makes those of a job with one file to train on. */
    public Files(Path train, @Nullable Path eval) {
      this(RowSource.of(train), List.of(), eval == null ? null : RowSource.of(eval));
    }
  }

  /** Rows of a mixture and how they are read. */
  public record Mixed(ExampleReader reader, RowSource source) {}

  /** Returns whether a run must not begin with these data. */
  @JsonIgnore
  public boolean fails() {
    return !failures.isEmpty();
  }

  /**
   * Does nothing if a run may begin with these data.
   *
   * @throws UnreadableData with what is wrong and what to set to what; of more than a message
   *     carries only how many problems there are
   */
  public void requireUsable() {
    if (!fails()) {
      return;
    }
    String message = failures.getFirst();
    for (int i = 1; i < failures.size(); i++) {
      String longer = message + "; " + failures.get(i);
      int left = failures.size() - i;
      if (longer.length() + (left == 1 ? 0 : MORE_LENGTH) > MessageText.LONGEST) {
        throw new UnreadableData(message + MORE.formatted(left));
      }
      message = longer;
    }
    throw new UnreadableData(message);
  }
}
