package dev.finetune.operator.reconcile;

import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.dependent.CreateResult;
import dev.finetune.operator.dependent.JobActions;
import dev.finetune.operator.dependent.KueueWorkload;
import dev.finetune.operator.dependent.KueueWorkloads;
import dev.finetune.operator.dependent.StatusWriter;
import dev.finetune.operator.desired.AttemptSettings;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.progress.RunChanges;
import dev.finetune.operator.progress.RunReader;
import dev.finetune.operator.status.Conditions;
import dev.finetune.operator.status.History;
import dev.finetune.operator.status.ProgressFactory;
import dev.finetune.operator.status.Situation;
import dev.finetune.operator.status.StatusFactory;
import dev.finetune.operator.status.Texts;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.ErrorStatusUpdateControl;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.javaoperatorsdk.operator.processing.retry.GradualRetry;
import java.time.Clock;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Brings a FineTuneJob to its end: observe, decide, act, and say how it stands. */
// On all events, because a reconciler that is no Cleaner sees no job that is being deleted, and
// one that is a Cleaner puts a finalizer on every job.
@ControllerConfiguration(name = "finetunejob", triggerReconcilerOnAllEvents = true)
@GradualRetry(
    maxAttempts = FineTuneJobReconciler.FOR_EVER,
    initialInterval = 2_000,
    intervalMultiplier = 2,
    maxInterval = 300_000)
public class FineTuneJobReconciler implements Reconciler<FineTuneJob> {
  static final int FOR_EVER = -1;

  private static final Logger LOG = LoggerFactory.getLogger(FineTuneJobReconciler.class);
  private static final Duration SOON = Duration.ofSeconds(1);

  /** Failures in a row after which a person should look. */
  private static final int PERSISTENT = 3;

  private final Observer observer;
  private final DecisionMaker decisions;
  private final JobActions actions;
  private final KueueWorkloads workloads;
  private final StatusWriter writer;
  private final StatusFactory statuses;
  private final ProgressFactory progress;
  private final StorageDuties storage;
  private final OperatorConfig.Trainer trainer;
  private final Duration interval;

  /** Creates a reconciler; the caller closes client, reader and changes. */
  public FineTuneJobReconciler(
      KubernetesClient client,
      RunReader reader,
      RunChanges changes,
      OperatorConfig config,
      Clock clock) {
    this.observer = new Observer(client, reader, config, clock);
    this.decisions = new DecisionMaker(config);
    this.actions = new JobActions(client, config);
    this.workloads = new KueueWorkloads(client);
    this.writer = new StatusWriter(client);
    this.statuses = new StatusFactory(clock);
    this.progress = new ProgressFactory(clock, config.polling().progressWriteInterval());
    this.storage = new StorageDuties(client, actions, changes, config, clock);
    this.trainer = config.trainer();
    this.interval = config.polling().idleInterval();
  }

  @Override
  public List<EventSource<?, FineTuneJob>> prepareEventSources(
      EventSourceContext<FineTuneJob> context) {
    return List.of(owned(Job.class, context), owned(Pod.class, context));
  }

  @Override
  public UpdateControl<FineTuneJob> reconcile(FineTuneJob job, Context<FineTuneJob> context) {
    if (context.isPrimaryResourceDeleted()) {
      storage.forget(job.getMetadata().getUid());
      return UpdateControl.noUpdate();
    }
    Optional<Duration> deletion = storage.settle(job);
    if (job.getMetadata().getDeletionTimestamp() != null) {
      return again(deletion);
    }
    Observation observation = observer.observe(job, context);
    Decision decision = decisions.decide(observation, AttemptLedger.of(observation));
    Outcome outcome = act(decision, observation);
    boolean changed = report(outcome);
    if (changed) {
      // JOSDK may lose a change of the spec that arrives while its status is being written.
      return UpdateControl.<FineTuneJob>noUpdate().reschedule();
    }
    return again(earlier(outcome.recheck(), storage.attend(observation, outcome.situation())));
  }

  private static UpdateControl<FineTuneJob> again(Optional<Duration> recheck) {
    return recheck
        .map(after -> UpdateControl.<FineTuneJob>noUpdate().rescheduleAfter(after))
        .orElseGet(UpdateControl::noUpdate);
  }

  private static Optional<Duration> earlier(Optional<Duration> a, Optional<Duration> b) {
    return Stream.of(a, b).flatMap(Optional::stream).min(Comparator.naturalOrder());
  }

  @Override
  public ErrorStatusUpdateControl<FineTuneJob> updateErrorStatus(
      FineTuneJob job, Context<FineTuneJob> context, Exception e) {
    if (Conditions.isTerminal(job)
        || job.getMetadata().getDeletionTimestamp() != null
        || context.isPrimaryResourceDeleted()) {
      return ErrorStatusUpdateControl.defaultErrorProcessing();
    }
    boolean persistent =
        context.getRetryInfo().filter(r -> r.getAttemptCount() >= PERSISTENT).isPresent();
    String message = Texts.clean(e.getClass().getSimpleName() + ": " + e.getMessage(), 512);
    try {
      write(job, statuses.failing(job, message, persistent));
    } catch (KubernetesClientException unwritten) {
      LOG.warn(
          "status of {}/{} cannot be written: {}",
          job.getMetadata().getNamespace(),
          job.getMetadata().getName(),
          unwritten.getMessage());
    }
    return ErrorStatusUpdateControl.noStatusUpdate();
  }

  /** What came of a decision: the situation to report, if any, and when to look again. */
  private record Outcome(
      Observation observation, Optional<Situation> situation, Optional<Duration> recheck) {}

  private Outcome act(Decision decision, Observation observation) {
    return switch (decision) {
      case Decision.CreateJob(int number, Situation situation) ->
          create(observation, number, situation);
      case Decision.SuspendJob(int number, Situation situation) ->
          suspend(observation, number, true, situation);
      case Decision.ResumeJob(int number, Situation situation) ->
          suspend(observation, number, false, situation);
      case Decision.SetWorkloadActive(
              KueueWorkload workload,
              boolean active,
              Situation situation) -> {
        workloads.setActive(observation.job().getMetadata().getNamespace(), workload, active);
        yield new Outcome(observation, Optional.of(situation), Optional.of(interval));
      }
      case Decision.Wait(Situation situation, Duration recheck) ->
          new Outcome(observation, Optional.of(situation), Optional.of(recheck));
      case Decision.Finish(Situation situation) ->
          new Outcome(observation, Optional.of(situation), Optional.of(SOON));
      case Decision.RemoveObjects() -> {
        actions.remove(observation.job(), observation.jobs());
        yield new Outcome(observation, Optional.empty(), Optional.empty());
      }
      case Decision.Rest(Optional<Duration> recheck) ->
          new Outcome(observation, Optional.empty(), recheck);
    };
  }

  private Outcome create(Observation observation, int number, Situation situation) {
    AttemptSettings attempt =
        AttemptPolicy.next(observation, AttemptLedger.of(observation), trainer);
    return switch (actions.create(observation.job(), number, attempt)) {
      case CreateResult.Made(Job made) ->
          new Outcome(observation.with(made), Optional.of(situation), Optional.of(interval));
      case CreateResult.Outdated() -> new Outcome(observation, Optional.empty(), Optional.of(SOON));
      case CreateResult.Blocked(String message) ->
          new Outcome(
              observation,
              Optional.of(new Situation.Pending(Reason.Creating, message)),
              Optional.of(interval));
      case CreateResult.Rejected(String message) ->
          new Outcome(
              observation,
              Optional.of(new Situation.Failed(Reason.SpecInvalid, message)),
              Optional.of(SOON));
    };
  }

  private Outcome suspend(
      Observation observation, int number, boolean suspend, Situation situation) {
    Observation after =
        observation
            .job(number)
            .map(job -> observation.with(actions.suspend(job, suspend)))
            .orElse(observation);
    return new Outcome(after, Optional.of(situation), Optional.of(interval));
  }

  /** Writes what changed; returns whether the spec is newer than the one that was acted on. */
  private boolean report(Outcome outcome) {
    Observation observation = outcome.observation();
    FineTuneJob job = observation.job();
    if (outcome.situation().isEmpty()) {
      return Conditions.isTerminal(job) && write(job, statuses.observed(job));
    }
    Situation situation = outcome.situation().get();
    List<AttemptStatus> attempts = AttemptLedger.of(observation);
    History history =
        new History(attempts, Labels.queue(job).orElse(null), observation.run().head());
    // The progress first: nothing may be left to write once a terminal status is there.
    Optional<FineTuneJob> answer =
        Optional.ofNullable(observation.run().progress())
            .flatMap(
                report ->
                    progress.next(
                        report,
                        situation.phase(),
                        job.getStatus() == null ? null : job.getStatus().progress()))
            .map(next -> writer.writeProgress(job, next));
    boolean newer = write(job, statuses.create(job, situation, history));
    return newer || answer.filter(now -> isNewer(now, job)).isPresent();
  }

  private boolean write(FineTuneJob job, FineTuneJobStatus next) {
    if (next.equals(StatusFactory.withoutProgress(job.getStatus()))) {
      return false;
    }
    if (next.completionTime() == null && writer.hasEnded(job)) {
      // What was reconciled is older than the end, which holds.
      return false;
    }
    return isNewer(writer.writeStatus(job, next), job);
  }

  private static boolean isNewer(FineTuneJob now, FineTuneJob reconciled) {
    return now.getMetadata().getGeneration() > reconciled.getMetadata().getGeneration();
  }

  private static <T extends HasMetadata> EventSource<?, FineTuneJob> owned(
      Class<T> type, EventSourceContext<FineTuneJob> context) {
    return new InformerEventSource<>(
        InformerEventSourceConfiguration.from(type, FineTuneJob.class)
            .withLabelSelector(Labels.SELECTOR)
            .withNamespacesInheritedFromController()
            .withSecondaryToPrimaryMapper(FineTuneJobReconciler::job)
            .build(),
        context);
  }

  private static Set<ResourceID> job(HasMetadata object) {
    Map<String, String> labels = object.getMetadata().getLabels();
    String name = labels == null ? null : labels.get(Labels.JOB);
    return name == null
        ? Set.of()
        : Set.of(new ResourceID(name, object.getMetadata().getNamespace()));
  }
}
