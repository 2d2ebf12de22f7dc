package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Forgetting;
import dev.finetune.trainer.audit.AuditReport;
import dev.finetune.trainer.audit.AuditSettings;
import dev.finetune.trainer.audit.SettingNames;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.data.Labeling;
import dev.finetune.trainer.data.RowRules;
import dev.finetune.trainer.rows.Columns;
import dev.finetune.trainer.rows.RowSource;
import dev.finetune.trainer.source.Source;
import dev.finetune.trainer.source.SourceIdentity;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.storage.StorageSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a job is made of on the local disk: the model opened but not loaded, the data not read.
 *
 * @param base the base model; closed with this
 * @param training rows to train on, of which the first are those of {@code dataset.train}
 * @param eval rows to hold out, or null
 * @param general general rows to measure forgetting by, or null
 * @param replay general rows to train on, or null
 * @param initialAdapter folder of the adapter to start from, or null
 * @param identities which bytes each URI of the job stood for, by field
 * @param sources what brought them, and keeps downloads where they are; closed with this
 */
record InputFiles(
    BaseModel base,
    List<Rows> training,
    @Nullable Rows eval,
    @Nullable RowSource general,
    @Nullable RowSource replay,
    @Nullable Path initialAdapter,
    SortedMap<String, SourceIdentity> identities,
    Sources sources)
    implements AutoCloseable {
  /** The field of the model. */
  static final String MODEL = "spec.model.uri";

  /**
   * Rows that the job names and their files.
   *
   * @param from how they are read
   * @param source where they are
   */
  record Rows(RowsOfJob from, RowSource source) {}

  private static final String MODEL_ACCESS_KEY = "FINETUNE_MODEL_AWS_ACCESS_KEY_ID";
  private static final String MODEL_SECRET_KEY = "FINETUNE_MODEL_AWS_SECRET_ACCESS_KEY";

  /**
   * Brings model, data and adapter to the disk and opens the model.
   *
   * @param notices takes what is wrong with the cache
   * @param expected what an earlier attempt read, by field; what the cache has of it is not asked
   *     for anywhere
   */
  static InputFiles fetch(
      FineTuneJobSpec spec,
      StorageSettings settings,
      Environment environment,
      Consumer<String> notices,
      Map<String, SourceIdentity> expected) {
    Sources sources = new Sources(environment.cache(), environment.variables(), notices);
    boolean fetched = false;
    try {
      InputFiles files =
          fetch(spec, new Fetcher(environment, settings, sources, expected, new TreeMap<>()));
      fetched = true;
      return files;
    } finally {
      if (!fetched) {
        sources.close();
      }
    }
  }

  private static InputFiles fetch(FineTuneJobSpec spec, Fetcher fetcher) {
    Path model = fetcher.model(spec.model());
    String initFrom = spec.adapter().initFrom();
    Path initial = initFrom == null ? null : fetcher.fetch("spec.adapter.initFrom", initFrom);
    List<Rows> training = RowsOfJob.training(spec).stream().map(fetcher::rows).toList();
    RowsOfJob eval = RowsOfJob.eval(spec);
    Rows evalRows = eval == null ? null : fetcher.rows(eval);
    Forgetting forgetting = spec.forgetting();
    boolean replays = forgetting != null && forgetting.replayShare() > 0;
    return new InputFiles(
        BaseModel.open(model),
        training,
        evalRows,
        forgetting == null ? null : fetcher.general("general", forgetting.general()),
        forgetting != null && replays ? fetcher.general("replay", forgetting.replay()) : null,
        initial,
        fetcher.identities(),
        fetcher.sources());
  }

  /**
   * Returns the rows to train on and to hold out, with what reads those of the mixture.
   *
   * @param labeling how labels become targets, or null for language modelling
   */
  AuditReport.Files data(FineTuneJobSpec spec, @Nullable Labeling labeling) {
    List<AuditReport.Mixed> mixture =
        training.stream()
            .skip(1)
            .map(
                rows ->
                    new AuditReport.Mixed(
                        reader(spec, rows.from().format(), labeling), rows.source()))
            .toList();
    return new AuditReport.Files(
        training.getFirst().source(), mixture, eval == null ? null : eval.source());
  }

  /** Returns what reads rows as the job says. */
  ExampleReader reader(FineTuneJobSpec spec) {
    return reader(spec, Classifier.labeling(spec));
  }

  /**
   * Returns what reads rows as the job says.
   *
   * @param labeling how labels become targets, or null for language modelling
   */
  ExampleReader reader(FineTuneJobSpec spec, @Nullable Labeling labeling) {
    return reader(spec, spec.datasetFormat(), labeling);
  }

  private ExampleReader reader(
      FineTuneJobSpec spec, DatasetFormat format, @Nullable Labeling labeling) {
    return labeling == null
        ? new ExampleReader(
            base.tokenizer(), RowRules.of(spec.dataset(), format), base.config().vocabularySize())
        : new ExampleReader(base.tokenizer(), format, labeling);
  }

  /** Returns what reads general rows as the job says. */
  ExampleReader generalReader(FineTuneJobSpec spec) {
    Forgetting forgetting = spec.forgetting();
    DatasetFormat format = forgetting == null ? DatasetFormat.TEXT : forgetting.format();
    return new ExampleReader(base.tokenizer(), format, base.config().vocabularySize());
  }

  /** Returns what rows are held against as the job says. */
  AuditSettings auditSettings(FineTuneJobSpec spec) {
    return auditSettings(spec, packs(spec) ? Integer.MAX_VALUE : spec.training().maxLength());
  }

  /** Returns what general rows are held against, which are never packed. */
  AuditSettings generalSettings(FineTuneJobSpec spec) {
    return auditSettings(spec, spec.training().maxLength());
  }

  private AuditSettings auditSettings(FineTuneJobSpec spec, int maxLength) {
    return AuditSettings.of(
        maxLength, spec.dataset().problems(), SettingNames.OF_JOB, base.tokenizer(), spec.task());
  }

  /** Returns whether texts are cut into windows, of which none is too long. */
  static boolean packs(FineTuneJobSpec spec) {
    return Boolean.TRUE.equals(spec.dataset().packing());
  }

  /** Fetches by field and remembers which bytes came. */
  private record Fetcher(
      Environment environment,
      StorageSettings settings,
      Sources sources,
      Map<String, SourceIdentity> expected,
      SortedMap<String, SourceIdentity> identities) {
    Path fetch(String field, String uri) {
      return noted(field, sources.fetch(field, uri, settings, expected.get(field))).path();
    }

    /** Fetches rows: a file, or several by a pattern. */
    Rows rows(RowsOfJob from) {
      return new Rows(from, rows(from.field(), from.uri(), from.columns()));
    }

    /** Fetches general rows, if the job names some. */
    @Nullable RowSource general(String field, @Nullable String uri) {
      return uri == null ? null : rows("spec.forgetting." + field, uri, Columns.AS_WRITTEN);
    }

    private RowSource rows(String field, String uri, Columns columns) {
      Source source = noted(field, sources.fetchRows(field, uri, settings, expected.get(field)));
      String name = source.files().size() == 1 ? source.files().getFirst().toString() : uri;
      return new RowSource(name, source.files(), columns);
    }

    /** Fetches the model, with credentials of its own if the process was given some. */
    Path model(dev.finetune.api.spec.BaseModel model) {
      String accessKey = environment.variable(MODEL_ACCESS_KEY);
      String secretKey = environment.variable(MODEL_SECRET_KEY);
      StorageSettings own =
          accessKey == null || secretKey == null
              ? settings
              : settings.with(new StorageSettings.Credentials(accessKey, secretKey));
      return noted(
              MODEL,
              sources.fetchModel(MODEL, model.uri(), model.revision(), own, expected.get(MODEL)))
          .path();
    }

    private Source noted(String field, Source source) {
      identities.put(field, source.identity());
      return source;
    }
  }

  @Override
  public void close() {
    base.close();
    sources.close();
  }
}
