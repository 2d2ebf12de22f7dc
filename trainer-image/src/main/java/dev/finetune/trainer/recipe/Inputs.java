package dev.finetune.trainer.recipe;

import dev.finetune.api.run.SpecHash;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.data.EvalSplit;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.data.ExampleSet;
import dev.finetune.trainer.data.ReadReport;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.model.QuantizedCache;
import dev.finetune.trainer.plan.MemoryPlan;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.source.Source;
import dev.finetune.trainer.source.SourceIdentity;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.storage.StorageSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
 * @param fetched what brought them, and keeps downloads where they are; closed with this
 */
record Inputs(
    BaseModel base,
    List<Example> examples,
    List<Example> heldOut,
    @Nullable Path initialAdapter,
    SortedMap<String, SourceIdentity> sources,
    Sources fetched)
    implements AutoCloseable {
  private static final String MODEL = "spec.model.uri";

  /** Bytes of a base model below which quantizing takes no time worth a file. */
  private static final long LEAST_QUANTIZED = 64 << 20;

  private static final String MODEL_ACCESS_KEY = "FINETUNE_MODEL_AWS_ACCESS_KEY_ID";
  private static final String MODEL_SECRET_KEY = "FINETUNE_MODEL_AWS_SECRET_ACCESS_KEY";

  /**
   * Brings model, data and adapter to the disk, opens the model and reads the examples.
   *
   * @param expected what an earlier attempt read, by field; what the cache has of it is not asked
   *     for anywhere
   */
  static Inputs fetch(
      FineTuneJobSpec spec,
      StorageSettings settings,
      Environment environment,
      Console console,
      Map<String, SourceIdentity> expected) {
    Sources sources =
        new Sources(
            environment.cache(),
            environment.variables(),
            notice -> console.say("note: %s", notice));
    boolean fetched = false;
    try {
      Inputs inputs =
          fetch(
              spec,
              new Fetcher(environment, settings, sources, expected, new TreeMap<>()),
              console);
      fetched = true;
      return inputs;
    } finally {
      if (!fetched) {
        sources.close();
      }
    }
  }

  private static Inputs fetch(FineTuneJobSpec spec, Fetcher fetcher, Console console) {
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
      return new Inputs(
          base, split.train(), split.eval(), initial, fetcher.identities(), fetcher.sources());
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
            spec.datasetFormat(),
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
   * @param plan what was chosen for the memory
   */
  RunRecord record(FineTuneJobSpec spec, String precision, MemoryPlan plan) {
    return new RunRecord(
        SpecHash.of(spec),
        sources,
        precision,
        Runtime.getRuntime().availableProcessors(),
        plan.tokenBudget(),
        plan.recompute(),
        Versions.all(),
        0);
  }

  /**
   * Returns the cache of the base model's quantized weights; null if nothing is quantized, the
   * model is small, or there is no cache.
   *
   * @param record what this attempt obeys
   */
  @Nullable QuantizedCache quantizedCache(
      @Nullable Quantization quantization, RunRecord record, Console console) {
    SourceIdentity model = sources.get(MODEL);
    if (quantization == null || model == null || model.bytes() < LEAST_QUANTIZED) {
      return null;
    }
    String content = model.content();
    if (content == null) {
      return null;
    }
    QuantizedCache.Base base = new QuantizedCache.Base(content, record.threads(), Engine.version());
    return fetched
        .optionalCache()
        .map(
            cache ->
                new QuantizedCache(
                    cache, base, quantization, notice -> console.say("note: %s", notice)))
        .orElse(null);
  }

  /** Fetches by field and remembers which bytes came. */
  private record Fetcher(
      Environment environment,
      StorageSettings settings,
      Sources sources,
      Map<String, SourceIdentity> expected,
      SortedMap<String, SourceIdentity> identities) {
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
      return fetch(MODEL, uri, own);
    }

    private Path fetch(String field, String uri, StorageSettings used) {
      Source source = sources.fetch(field, uri, used, expected.get(field));
      identities.put(field, source.identity());
      return source.path();
    }
  }

  @Override
  public void close() {
    base.close();
    fetched.close();
  }
}
