package dev.finetune.trainer.recipe;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.audit.AuditReport;
import dev.finetune.trainer.checkpoint.ModelCard;
import dev.finetune.trainer.evaluation.EvaluationHistory;
import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.plan.MemoryLimit;
import dev.finetune.trainer.plan.MemoryPlan;
import dev.finetune.trainer.progress.Metrics;
import dev.finetune.trainer.report.ReportData;
import dev.finetune.trainer.report.ReportData.Fact;
import dev.finetune.trainer.report.ReportData.Memory;
import dev.finetune.trainer.report.ReportData.Provenance;
import dev.finetune.trainer.report.ReportPage;
import dev.finetune.trainer.run.Equality;
import dev.finetune.trainer.run.RunRecord;
import dev.finetune.trainer.run.RunResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Puts together what the report of a run shows.
 *
 * @param job the job
 * @param record what its first attempt resolved, as this attempt obeys it
 * @param plan the memory plan
 * @param limit what it had to fit in
 * @param audit what was found in the data
 */
record RunReport(
    FineTuneJobFile job, RunRecord record, MemoryPlan plan, MemoryLimit limit, AuditReport audit) {

  /** All that held-out rows tell of the delivered adapter; nothing if no rows were held out. */
  record Tables(@Nullable Measured measured) {}

  /**
   * What came of a run.
   *
   * @param result its result
   * @param equality how far it equals a run without interruptions
   * @param steps metrics of its steps, ascending, as far as they are known
   * @param evaluations its evaluations
   * @param tables what the last of them measured in full
   * @param tensorPeak most bytes of tensors in this attempt
   * @param processPeak most resident bytes of its process, or null if the system does not tell
   */
  record Outcome(
      RunResult result,
      Equality equality,
      List<Metrics> steps,
      EvaluationHistory evaluations,
      Tables tables,
      long tensorPeak,
      @Nullable Long processPeak) {}

  private static List<String> labels(Session session) {
    Classifier classifier = session.classifier();
    return classifier == null ? List.of() : classifier.labels().labels();
  }

  /** Returns the card of what is delivered. */
  ModelCard card(Session session, Outcome outcome) {
    RunResult result = outcome.result();
    Measured measured = outcome.tables().measured();
    EvaluationPoint before = result.before();
    Double general = before == null ? null : before.generalLoss();
    Double generalAfter = result.after() == null ? null : result.after().generalLoss();
    return new ModelCard(
        job.spec(),
        record,
        Math.max(1, labels(session).size()),
        result,
        outcome.equality(),
        measured == null ? List.of() : MeasuredQuality.scores(measured, before),
        general == null || generalAfter == null
            ? null
            : new ModelCard.General(general, generalAfter));
  }

  /** Returns the page. */
  String html(Session session, Outcome outcome) {
    return ReportPage.html(data(session, outcome));
  }

  ReportData data(Session session, Outcome outcome) {
    FineTuneJobSpec spec = job.spec();
    Measured measured = outcome.tables().measured();
    ReportedRows rows = new ReportedRows(session.examples(), session.tokenizer(), labels(session));
    ReportedEvaluations evaluations = new ReportedEvaluations(outcome.evaluations());
    return new ReportData(
        headline(outcome),
        outcome.steps().stream().map(RunReport::step).toList(),
        evaluations.heldOut(),
        memory(outcome),
        AuditedData.of(audit, session.heldOut()),
        measured == null ? null : MeasuredQuality.of(measured, outcome.result().before()),
        evaluations.samples(),
        evaluations.forgetting(spec.forgetting()),
        rows.standingOut(session.losses()),
        provenance(spec, outcome));
  }

  private ReportData.Headline headline(Outcome outcome) {
    FineTuneJobSpec spec = job.spec();
    RunResult result = outcome.result();
    boolean language = spec.task() == Task.CAUSAL_LM;
    List<String> words = new ArrayList<>();
    if (outcome.evaluations().points().stream().filter(p -> p.loss() != null).count() > 2) {
      words.add("What the evaluations show: " + outcome.evaluations().trend().words() + ".");
    }
    if (result.adapterStep() != result.steps()) {
      words.add(
          "The delivered adapter is that of step %d, the best evaluation; training went on to step %d."
              .formatted(result.adapterStep(), result.steps()));
    }
    return new ReportData.Headline(
        job.name(),
        taskName(spec.task()),
        spec.method(),
        spec.model().uri(),
        language ? "nats per token" : "nats per label",
        language,
        result.evalLossBefore(),
        result.evalLossAfter(),
        words);
  }

  /** Returns the name of a task as a job has it. */
  static String taskName(Task task) {
    return switch (task) {
      case CAUSAL_LM -> "CausalLM";
      case SEQUENCE_CLASSIFICATION -> "SequenceClassification";
      case TOKEN_CLASSIFICATION -> "TokenClassification";
    };
  }

  private static ReportData.Step step(Metrics metrics) {
    return new ReportData.Step(
        metrics.step(),
        metrics.loss(),
        metrics.learningRate(),
        metrics.gradientNorm(),
        metrics.tokens(),
        metrics.supervisedTokens(),
        metrics.seconds());
  }

  private Memory memory(Outcome outcome) {
    List<Memory.Part> parts = new ArrayList<>();
    plan.worst().allocations().stream()
        .sorted(Comparator.comparingLong(MemoryPlan.Allocation::bytes).reversed())
        .forEach(part -> parts.add(new Memory.Part(part.name(), part.bytes())));
    plan.beside().forEach(part -> parts.add(new Memory.Part(part.name(), part.bytes())));
    return new Memory(
        List.of(
            new Memory.Bar("Tensors", plan.tensorBytes(), outcome.tensorPeak()),
            new Memory.Bar("Process", plan.processBytes(), outcome.processPeak())),
        limit.bytes(),
        limit.source(),
        parts,
        plan.worst().phase().text(),
        List.of(
            "Micro-batches of up to %d tokens, blocks %s."
                .formatted(
                    plan.tokenBudget(),
                    plan.recompute() ? "computed again on the way back" : "remembered")));
  }

  private Provenance provenance(FineTuneJobSpec spec, Outcome outcome) {
    List<Fact> facts = new ArrayList<>();
    facts.add(new Fact("Hash of the spec", record.specHash()));
    facts.add(new Fact("Seed", String.valueOf(spec.training().seed())));
    facts.add(new Fact("Precision", record.precision()));
    facts.add(new Fact("Threads", String.valueOf(record.threads())));
    facts.add(new Fact("Token budget", String.valueOf(record.tokenBudget())));
    for (Map.Entry<String, String> version : record.versions().entrySet()) {
      facts.add(new Fact("Version of " + version.getKey(), version.getValue()));
    }
    facts.add(new Fact("Equal to a run without interruptions", outcome.equality().text()));
    List<Provenance.Origin> sources = new ArrayList<>();
    record
        .sources()
        .forEach(
            (field, identity) ->
                sources.add(
                    new Provenance.Origin(
                        field, identity.uri(), identity.digest(), identity.bytes())));
    return new Provenance(sources, facts, withoutCluster(job).toYaml());
  }

  /**
   * Returns the job without what only its cluster needs. Environment variables of the pod may hold
   * secrets, labels and annotations whatever other programs put there.
   */
  static FineTuneJobFile withoutCluster(FineTuneJobFile job) {
    FineTuneJobSpec spec = job.spec();
    return new FineTuneJobFile(
        job.name(),
        job.namespace(),
        null,
        Map.of(),
        Map.of(),
        new FineTuneJobSpec(
            spec.task(),
            spec.model(),
            spec.dataset(),
            spec.adapter(),
            spec.quantization(),
            spec.training(),
            spec.classification(),
            spec.evaluation(),
            spec.forgetting(),
            spec.checkpoint(),
            spec.storage(),
            spec.resources(),
            null,
            spec.cache(),
            spec.suspend(),
            spec.runId(),
            spec.ttlSecondsAfterFinished(),
            spec.deletionPolicy()));
  }
}
