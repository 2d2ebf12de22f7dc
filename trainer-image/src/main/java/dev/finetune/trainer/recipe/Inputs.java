package dev.finetune.trainer.recipe;

import dev.finetune.api.run.SpecHash;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.data.EvalSplit;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.data.ExampleSet;
import dev.finetune.trainer.data.ReadReport;
import dev.finetune.trainer.plan.MemoryPlan;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.source.Source;
import dev.finetune.trainer.source.SourceIdentity;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.StorageSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a run is made of, on the local disk and read.
 *
 * @param base the base model, opened but not loaded; closed with this
 * @param examples examples to train on
 * @param heldOut examples to measure the held-out loss on, perhaps none
 * @param initialAdapter folder of the adapter to start from, or null
 * @param sources which bytes each URI of the job stood for, by field
 */
record Inputs(
    BaseModel base,
    List<Example> examples,
    List<Example> heldOut,
    @Nullable Path initialAdapter,
    SortedMap<String, SourceIdentity> sources)
    implements AutoCloseable {
  private static final String MODEL_ACCESS_KEY = "FINETUNE_MODEL_AWS_ACCESS_KEY_ID";
  private static final String MODEL_SECRET_KEY = "FINETUNE_MODEL_AWS_SECRET_ACCESS_KEY";

  /** Brings model, data and adapter to the disk, opens the model and reads the examples. */
  static Inputs fetch(
      FineTuneJobSpec spec, StorageSettings settings, Environment environment, Console console) {
    Fetcher fetcher = new Fetcher(environment, settings, new TreeMap<>());
    Path model = fetcher.model(spec.model().uri());
    String initFrom = spec.adapter().initFrom();
    Path initial = initFrom == null ? null : fetcher.fetch("spec.adapter.initFrom", initFrom);
    Dataset dataset = spec.dataset();
    Path train = fetcher.fetch("spec.dataset.train", dataset.train());
    String evalUri = dataset.eval();
    Path eval = evalUri == null ? null : fetcher.fetch("spec.dataset.eval", evalUri);
    BaseModel base = BaseModel.open(model);
    boolean read = false;
    try {
      EvalSplit split = read(spec, base, train, eval, console);
      read = true;
      return new Inputs(base, split.train(), split.eval(), initial, fetcher.sources());
    } finally {
      if (!read) {
        base.close();
      }
    }
  }

  private static EvalSplit read(
      FineTuneJobSpec spec, BaseModel base, Path train, @Nullable Path eval, Console console) {
    ExampleReader reader =
        new ExampleReader(
            base.tokenizer(),
            spec.dataset().format(),
            spec.training().maxLength(),
            base.config().vocabularySize());
    ExampleSet rows = reader.read(train);
    report(console, "Training data", rows.report());
    return split(spec, rows, reader, eval, console);
  }

  private static EvalSplit split(
      FineTuneJobSpec spec,
      ExampleSet rows,
      ExampleReader reader,
      @Nullable Path eval,
      Console console) {
    if (eval != null) {
      ExampleSet heldOut = reader.read(eval);
      report(console, "Held-out data", heldOut.report());
      return new EvalSplit(rows.examples(), heldOut.examples());
    }
    Double fraction = spec.dataset().evalFraction();
    EvalSplit split =
        EvalSplit.of(rows.examples(), fraction == null ? 0 : fraction, spec.training().seed());
    if (!split.eval().isEmpty()) {
      console.say("Held-out data: %d of these rows", split.eval().size());
    }
    return split;
  }

  private static void report(Console console, String what, ReadReport report) {
    console.say(
        "%s: %d rows, %d tokens, %d of them learned; %d rows cut, %d dropped",
        what,
        report.rows(),
        report.tokens(),
        report.supervisedTokens(),
        report.truncated(),
        report.dropped());
  }

  /**
   * Returns what this attempt resolved, for {@code run.json}.
   *
   * @param compute what it computes on
   * @param plan what was chosen for the memory
   */
  RunRecord record(FineTuneJobSpec spec, Compute compute, String precision, MemoryPlan plan) {
    SortedMap<String, String> versions = new TreeMap<>();
    versions.put("trainer", "0.1.0");
    versions.put("libtorch", "2.7.1");
    versions.put("device", compute.name());
    versions.put("java", System.getProperty("java.version"));
    return new RunRecord(
        SpecHash.of(spec),
        sources,
        precision,
        Runtime.getRuntime().availableProcessors(),
        plan.tokenBudget(),
        plan.recompute(),
        versions,
        0);
  }

  /** Fetches by field and remembers which bytes came. */
  private record Fetcher(
      Environment environment,
      StorageSettings settings,
      SortedMap<String, SourceIdentity> sources) {
    Path fetch(String field, String uri) {
      return fetch(field, uri, settings);
    }

    /** Fetches the model, with credentials of its own if the process was given some. */
    Path model(String uri) {
      String accessKey = environment.variable(MODEL_ACCESS_KEY);
      String secretKey = environment.variable(MODEL_SECRET_KEY);
      StorageSettings own =
          accessKey == null || secretKey == null
              ? settings
              : settings.with(new StorageSettings.Credentials(accessKey, secretKey));
      return fetch("spec.model.uri", uri, own);
    }

    private Path fetch(String field, String uri, StorageSettings used) {
      Source source =
          new Sources(environment.cache(), used, Retry.standard(), environment.variables())
              .fetch(field, uri);
      sources.put(field, source.identity());
      return source.path();
    }
  }

  @Override
  public void close() {
    base.close();
  }
}
