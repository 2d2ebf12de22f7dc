package dev.finetune.trainer.recipe;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.OutOfMemory;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.plan.MemoryLimit;
import dev.finetune.trainer.plan.MemoryPlan;
import dev.finetune.trainer.plan.PlanTable;
import dev.finetune.trainer.plan.Planner;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.progress.ProgressReporter;
import dev.finetune.trainer.run.Claim;
import dev.finetune.trainer.run.ClaimRequest;
import dev.finetune.trainer.run.DeliveredAdapter;
import dev.finetune.trainer.run.Run;
import dev.finetune.trainer.run.RunFolder;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.run.RunSettings;
import dev.finetune.trainer.storage.LocalFolders;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.StorageSettings;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A run from claim to delivery:
 *
 * <ol>
 *   <li>claim the run in storage, as its next attempt;
 *   <li>bring model and data to the disk, from the cache what an earlier attempt read, and read the
 *       examples;
 *   <li>freeze what was resolved, or obey what the first attempt resolved;
 *   <li>load the model, make or restore the adapter;
 *   <li>train, with checkpoints; stop when asked to;
 *   <li>measure the held-out loss and deliver the adapter.
 * </ol>
 */
final class FineTuneRecipe {
  private static final Duration LONGEST_CLEANING = Duration.ofSeconds(5);
  private static final Duration OLD_UPLOAD = Duration.ofDays(1);

  private final FineTuneJobFile job;
  private final Options options;
  private final Environment environment;
  private final Console console;
  private final StopRequest stop;
  private final StoreOpener stores;

  /** Opens the object storage of a run; no request is made yet. */
  interface StoreOpener {
    ObjectStore open(String uri, StorageSettings settings);
  }

  /**
   * Options of the command line.
   *
   * @param storage URI that stands in for {@code spec.storage.uri}, or null
   * @param metrics file to append metrics to, or null
   * @param takeOver whether to take the run from another owner who still lives
   * @param overrides what this attempt does otherwise than the run began
   */
  record Options(
      @Nullable String storage, @Nullable Path metrics, boolean takeOver, Overrides overrides) {
    /** Makes options of an attempt that does as the run began. */
    Options(@Nullable String storage, @Nullable Path metrics, boolean takeOver) {
      this(storage, metrics, takeOver, Overrides.NONE);
    }
  }

  FineTuneRecipe(
      FineTuneJobFile job,
      Options options,
      Environment environment,
      Console console,
      StopRequest stop,
      StoreOpener stores) {
    this.job = job;
    this.options = options;
    this.environment = environment;
    this.console = console;
    this.stop = stop;
    this.stores = stores;
  }

  /** Runs the job and returns how it ended; failures are thrown. */
  ExitCode run() {
    FineTuneJobSpec spec = job.spec();
    StorageSettings settings = StorageSettings.of(spec.storage(), environment.variables());
    String uri = options.storage() == null ? spec.storage().uri() : options.storage();
    String folder = StorageLayout.runFolder(job.namespace(), job.name(), SpecHash.of(spec));
    Consumer<String> notices = notice -> console.say("note: %s", notice);
    try (ObjectStore store = stores.open(uri, settings)) {
      RunSettings rules =
          RunSettings.standard(spec.checkpoint().keepLast(), spec.checkpoint().keepBest(), notices)
              .with(settings.retry());
      RunFolder runFolder = new RunFolder(store, folder, rules);
      ClaimRequest request = new ClaimRequest(environment.owner(), options.takeOver());
      return switch (Run.claim(runFolder, request)) {
        case Claim.Delivered(Delivery delivery, String adapter) -> {
          try (Environment.WorkFolder work = environment.work()) {
            LocalFolders.deleteQuietly(DeliveredAdapter.download(runFolder, delivery, work.path()));
          }
          console.say("The run was delivered at %s: %s", delivery.time(), adapter);
          yield ExitCode.DONE;
        }
        case Claim.Claimed(Run run) -> {
          abandonUploads(store, folder);
          yield attempt(run, settings);
        }
      };
    }
  }

  /** Frees the room that killed attempts hold; a store that does not let us loses no run. */
  private void abandonUploads(ObjectStore store, String folder) {
    try {
      int count =
          store.impatient(LONGEST_CLEANING).abandonUploads(folder, Instant.now().minus(OLD_UPLOAD));
      if (count > 0) {
        console.say("Gave up %d uploads that an earlier attempt did not finish", count);
      }
    } catch (StorageUnreachable | InvalidConfiguration e) {
      console.say("note: unfinished uploads, if any, stay: %s", Failures.of(e).message());
    }
  }

  private ExitCode attempt(Run run, StorageSettings settings) {
    ProgressReporter reporter =
        new ProgressReporter(
            run,
            Clock.systemUTC(),
            environment.processStart(),
            run.checkpointRequests().answeredBefore());
    console.say("Attempt %d of %s", run.attempt(), run.location());
    try (Heartbeat _ = new Heartbeat(run)) {
      reporter.starting();
      return train(run, settings, reporter);
    } catch (Fenced e) {
      throw e;
    } catch (RuntimeException e) {
      throw failed(run, reporter, e);
    } catch (OutOfMemoryError e) {
      throw failed(run, reporter, new OutOfMemory("out of memory: " + e.getMessage(), e));
    }
  }

  private ExitCode train(Run run, StorageSettings settings, ProgressReporter reporter) {
    try (Engine.Preparation _ = Engine.prepare();
        Environment.WorkFolder work = environment.work();
        Inputs inputs =
            Inputs.fetch(job.spec(), settings, environment, console, run.frozenSources())) {
      Compute compute = Compute.of(environment.device(), Engine::findGpu);
      String precision = compute.precision(job.spec().training().precision());
      MemoryLimit limit = compute.memoryLimit();
      Planner planner = MemoryPlanning.of(job.spec(), inputs, precision, limit);
      Overrides overrides = options.overrides();
      RunRecord frozen =
          run.freeze(overrides.proposed(inputs.record(job.spec(), precision, planner.choose())));
      inputs.requireLabels(frozen);
      RunRecord record = overrides.applied(frozen, job.spec().training().maxLength());
      MemoryPlan plan = planner.plan(record.tokenBudget(), record.recompute());
      console.say("%s", PlanTable.summary(plan, limit));
      if (limit.place() == MemoryLimit.Place.GPU) {
        Planner.requireHost(plan, MemoryLimit.ofProcess());
      }
      reporter.planned(plan.processBytes());
      try (Session session = Session.open(job.spec(), inputs, record, compute, console)) {
        TrainingLoop.Outlets outlets =
            new TrainingLoop.Outlets(
                console,
                reporter,
                options.metrics(),
                new RunReport(job, record, plan, limit, inputs.audit()));
        ExitCode code =
            new TrainingLoop(job.spec(), run, session, outlets, work.path(), stop).run();
        console.say("%s", PlanTable.outcome(plan, session.peakBytes(), reporter.peakBytes()));
        return code;
      }
    }
  }

  private static RuntimeException failed(
      Run run, ProgressReporter reporter, RuntimeException cause) {
    reporter.ended(Progress.State.FAILED, null, Failures.of(cause).message());
    run.release();
    return cause;
  }
}
