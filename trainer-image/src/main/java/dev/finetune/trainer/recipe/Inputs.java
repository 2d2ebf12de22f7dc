package dev.finetune.trainer.recipe;

import dev.finetune.api.run.SpecHash;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Forgetting;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.audit.AuditReport;
import dev.finetune.trainer.audit.AuditText;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.basemodel.StoredQuantization;
import dev.finetune.trainer.data.EvalSplit;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.data.Labeling;
import dev.finetune.trainer.data.Mixture;
import dev.finetune.trainer.data.TextWindows;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.model.QuantizedCache;
import dev.finetune.trainer.plan.MemoryPlan;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.rows.RowSource;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.source.SourceIdentity;
import dev.finetune.trainer.storage.StorageSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a run is made of, on the local disk and read.
 *
 * @param files the base model, opened but not loaded, and the files; closed with this
 * @param examples examples to train on, one source after the other
 * @param mixture how often an epoch sees those of each source
 * @param heldOut examples to measure the held-out loss on, perhaps none
 * @param general rows that have nothing to do with the task
 * @param classifier what the run predicts, or null if it is one of language modelling
 * @param audit what was found in the data
 */
record Inputs(
    InputFiles files,
    List<Example> examples,
    Mixture mixture,
    List<Example> heldOut,
    GeneralRows general,
    @Nullable Classifier classifier,
    AuditReport audit)
    implements AutoCloseable {
  /** Bytes of a base model below which quantizing takes no time worth a file. */
  private static final long LEAST_QUANTIZED = 64 << 20;

  /**
   * Brings model, data and adapter to the disk, opens the model, and audits the rows while it reads
   * them.
   *
   * @param expected what an earlier attempt read, by field; what the cache has of it is not asked
   *     for anywhere
   * @throws UnreadableData if the audit finds what the job does not allow; names all of it
   */
  static Inputs fetch(
      FineTuneJobSpec spec,
      StorageSettings settings,
      Environment environment,
      Console console,
      Map<String, SourceIdentity> expected) {
    InputFiles files =
        InputFiles.fetch(
            spec, settings, environment, notice -> console.say("note: %s", notice), expected);
    boolean read = false;
    try {
      Inputs inputs = read(spec, files, console);
      read = true;
      return inputs;
    } finally {
      if (!read) {
        files.close();
      }
    }
  }

  private static Inputs read(FineTuneJobSpec spec, InputFiles files, Console console) {
    List<Example> read = new ArrayList<>();
    List<Example> eval = new ArrayList<>();
    Labeling labeling = Classifier.labeling(spec);
    int[] counts = new int[files.training().size()];
    AuditReport audit =
        AuditReport.ofSources(
            files.reader(spec, labeling),
            files.auditSettings(spec),
            files.data(spec, labeling),
            (source, example) -> {
              read.add(example);
              counts[source]++;
            },
            eval::add);
    AuditText.findings(audit).forEach(line -> console.say("%s", line));
    audit.requireUsable();
    Labeling.Closed rows =
        labeling == null
            ? new Labeling.Closed(List.copyOf(read), List.copyOf(eval))
            : labeling.close(read, eval);
    EvalSplit split = split(spec, files, rows, counts, console);
    Classifier classifier = labeling == null ? null : Classifier.of(spec, labeling, split.train());
    Classifier.requireMetric(spec, classifier);
    List<Example> train = packed(spec, files, split.train(), counts);
    return new Inputs(
        files,
        train,
        mixture(files, counts),
        packed(spec, 0, split.eval()),
        general(spec, files, split.train(), console),
        classifier,
        audit);
  }

  private static Mixture mixture(InputFiles files, int[] counts) {
    List<Mixture.Part> parts = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      parts.add(new Mixture.Part(counts[i], files.training().get(i).from().weight()));
    }
    return new Mixture(parts);
  }

  private static GeneralRows general(
      FineTuneJobSpec spec, InputFiles files, List<Example> trained, Console console) {
    Forgetting forgetting = spec.forgetting();
    if (forgetting == null) {
      return GeneralRows.NONE;
    }
    GeneralRows rows =
        GeneralRows.of(
            general(spec, files, files.general(), console),
            general(spec, files, files.replay(), console));
    int leaked = rows.leaked(trained);
    if (leaked > 0) {
      throw new InvalidConfiguration(
          ("spec.forgetting.general: must be rows that are never trained on, %d of %d are among"
                  + " those of training or replay")
              .formatted(leaked, rows.heldOut().size()));
    }
    return rows;
  }

  /** Reads general rows, which are held against the same as those of the task. */
  private static List<Example> general(
      FineTuneJobSpec spec, InputFiles files, @Nullable RowSource file, Console console) {
    if (file == null) {
      return List.of();
    }
    List<Example> rows = new ArrayList<>();
    AuditReport audit =
        AuditReport.of(
            files.generalReader(spec),
            files.generalSettings(spec),
            new AuditReport.Files(file, List.of(), null),
            rows::add,
            rows::add);
    AuditText.findings(audit).forEach(line -> console.say("%s", line));
    audit.requireUsable();
    return rows;
  }

  /**
   * Splits the rows that are read, if there is something to hold out.
   *
   * @param counts how many of the rows to train on are of each source; set to what is left of them.
   *     Rows are held out of the first source alone: it is what the job is about, whatever is mixed
   *     with it
   */
  private static EvalSplit split(
      FineTuneJobSpec spec, InputFiles files, Labeling.Closed rows, int[] counts, Console console) {
    Double fraction = spec.dataset().evalFraction();
    if (fraction == null || fraction == 0) {
      return new EvalSplit(rows.train(), rows.heldOut());
    }
    List<Example> own = rows.train().subList(0, counts[0]);
    EvalSplit split = EvalSplit.of(own, fraction, spec.training().seed());
    if (split.eval().isEmpty()) {
      throw new UnreadableData(
          "spec.dataset.evalFraction: needs two rows that differ, found only one in %s"
              .formatted(files.training().getFirst().source().name()));
    }
    console.say("Held-out data: %d of these rows", split.eval().size());
    List<Example> mixed = rows.train().subList(counts[0], rows.train().size());
    counts[0] = split.train().size();
    List<Example> train = new ArrayList<>(split.train());
    train.addAll(apart(spec, mixed, split.eval(), counts, console));
    return new EvalSplit(train, split.eval());
  }

  /** Does with rows of the mixture that are held out of the first source what the policy says. */
  private static List<Example> apart(
      FineTuneJobSpec spec,
      List<Example> mixed,
      List<Example> heldOut,
      int[] counts,
      Console console) {
    int[] kept = counts.clone();
    Set<Long> hashes = heldOut.stream().map(Example::contentHash).collect(Collectors.toSet());
    List<Example> left = new ArrayList<>();
    int row = 0;
    for (int source = 1; source < counts.length; source++) {
      int before = left.size();
      for (int end = row + counts[source]; row < end; row++) {
        if (!hashes.contains(mixed.get(row).contentHash())) {
          left.add(mixed.get(row));
        }
      }
      kept[source] = left.size() - before;
    }
    int leaked = mixed.size() - left.size();
    if (leaked == 0) {
      return mixed;
    }
    return switch (spec.dataset().problems().leaked()) {
      case FAIL ->
          throw new UnreadableData(
              "spec.dataset.mixture: %d rows are held out of spec.dataset.train: set spec.dataset.onProblem.leaked to drop or keep"
                  .formatted(leaked));
      case DROP -> {
        System.arraycopy(kept, 0, counts, 0, kept.length);
        console.say("Left out %d rows of the mixture that are held out", leaked);
        yield left;
      }
      case KEEP -> {
        console.say("note: %d rows of the mixture are held out too", leaked);
        yield mixed;
      }
    };
  }

  /** Returns the modules of the base model, with a head if there is one. */
  ModelModules modules() {
    ModelModules modules = AdaptedModel.modules(base());
    return classifier == null ? modules : classifier.modules(modules);
  }

  /**
   * Checks that the labels are those that an earlier attempt has found.
   *
   * @throws UnreadableData if they are others
   */
  void requireLabels(RunRecord record) {
    if (!record.labels().equals(labels())) {
      throw new UnreadableData(
          "spec.dataset.train: the run began with the labels %s, but now they are %s"
              .formatted(record.labels(), labels()));
    }
  }

  private List<String> labels() {
    return classifier == null ? List.of() : classifier.labels().labels();
  }

  /**
   * Texts are held out whole and packed after that, each source for itself, so that no window has
   * some of both.
   *
   * @param counts examples of each source, which become windows of it
   */
  private static List<Example> packed(
      FineTuneJobSpec spec, InputFiles files, List<Example> rows, int[] counts) {
    if (!InputFiles.packs(spec)) {
      return rows;
    }
    List<Example> all = new ArrayList<>();
    int from = 0;
    for (int source = 0; source < counts.length; source++) {
      List<Example> own = rows.subList(from, from + counts[source]);
      from += counts[source];
      RowsOfJob origin = files.training().get(source).from();
      if (origin.format() != DatasetFormat.TEXT) {
        throw new InvalidConfiguration(
            "spec.dataset.packing: needs rows of format text, but %s has rows of format %s"
                .formatted(origin.field(), ExampleReader.name(origin.format())));
      }
      List<Example> packed = packed(spec, all.size(), own);
      counts[source] = packed.size();
      all.addAll(packed);
    }
    return List.copyOf(all);
  }

  private static List<Example> packed(FineTuneJobSpec spec, int first, List<Example> rows) {
    return InputFiles.packs(spec) ? TextWindows.of(rows, spec.training().maxLength(), first) : rows;
  }

  /** Returns the base model, opened but not loaded; it stays this object's. */
  BaseModel base() {
    return files.base();
  }

  /** Returns the folder of the adapter to start from, or null. */
  @Nullable Path initialAdapter() {
    return files.initialAdapter();
  }

  /** Returns which bytes each URI of the job stood for, by field. */
  SortedMap<String, SourceIdentity> sources() {
    return files.identities();
  }

  /**
   * Returns what this attempt resolved, for {@code run.json}.
   *
   * @param plan what was chosen for the memory
   */
  RunRecord record(FineTuneJobSpec spec, String precision, MemoryPlan plan) {
    return new RunRecord(
        SpecHash.of(spec),
        sources(),
        precision,
        Runtime.getRuntime().availableProcessors(),
        plan.tokenBudget(),
        plan.recompute(),
        Versions.all(),
        0,
        labels());
  }

  /**
   * Returns how a job keeps the base model's weights, or null if it does not quantize them.
   *
   * @throws dev.finetune.trainer.failure.InvalidConfiguration if it asks for something else than
   *     what they are stored in
   */
  @Nullable Quantization quantization(FineTuneJobSpec spec) {
    return StoredQuantization.agree(spec.quantization(), base().quantization().orElse(null));
  }

  /**
   * Returns the cache of the base model's quantized weights; null if nothing is quantized, the
   * model is small, or there is no cache.
   *
   * @param record what this attempt obeys
   */
  @Nullable QuantizedCache quantizedCache(
      @Nullable Quantization quantization, RunRecord record, Console console) {
    SourceIdentity model = sources().get(InputFiles.MODEL);
    if (quantization == null || model == null || model.bytes() < LEAST_QUANTIZED) {
      return null;
    }
    String content = model.content();
    if (content == null) {
      return null;
    }
    QuantizedCache.Base base = new QuantizedCache.Base(content, record.threads(), Engine.version());
    return files
        .sources()
        .optionalCache()
        .map(
            cache ->
                new QuantizedCache(
                    cache, base, quantization, notice -> console.say("note: %s", notice)))
        .orElse(null);
  }

  @Override
  public void close() {
    files.close();
  }
}
