package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.Classification;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.Evaluation;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.LabeledSubwords;
import dev.finetune.api.spec.Metric;
import dev.finetune.api.spec.ProblemType;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.adapter.LabelFile;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.LabelNames;
import dev.finetune.trainer.data.Labeling;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.loss.HeadProblem;
import dev.finetune.trainer.loss.OneLabel;
import dev.finetune.trainer.loss.OneNumber;
import dev.finetune.trainer.loss.SeveralLabels;
import dev.finetune.trainer.metrics.TaskMetrics;
import dev.finetune.trainer.weights.SafetensorsReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a run of classification predicts.
 *
 * @param labels task, problem and names of the outputs
 * @param problem the loss of the head
 */
record Classifier(LabelFile labels, HeadProblem problem) {
  private static final String FIELD = "spec.classification.";

  /** Outputs that a plan assumes for a job whose rows nobody has read: the plan hardly differs. */
  private static final int ASSUMED = 2;

  private static final long MOST_OUTPUTS = 4096;

  /**
   * Returns how labels of a job's rows become targets, or null if it is one of language modelling.
   *
   * @throws InvalidConfiguration naming a field that means nothing to the task
   */
  static @Nullable Labeling labeling(FineTuneJobSpec spec) {
    DatasetFormat format =
        switch (spec.task()) {
          case CAUSAL_LM -> null;
          case SEQUENCE_CLASSIFICATION -> DatasetFormat.LABELED_TEXT;
          case TOKEN_CLASSIFICATION -> DatasetFormat.LABELED_TOKENS;
        };
    if (format == null) {
      return null;
    }
    if (spec.datasetFormat() != format) {
      throw new InvalidConfiguration(
          "spec.dataset.format: must be %s for this task, was %s"
              .formatted(format, spec.datasetFormat()));
    }
    Classification asked = classification(spec);
    check(spec, asked);
    List<String> known = asked.labels();
    if (known != null && Set.copyOf(known).size() < known.size()) {
      throw new InvalidConfiguration(FIELD + "labels: must differ from each other");
    }
    LabelNames names = known == null ? LabelNames.collecting() : LabelNames.known(known);
    return new Labeling(names, asked.problemType(), asked.subwords());
  }

  private static Classification classification(FineTuneJobSpec spec) {
    Classification asked = spec.classification();
    return asked == null ? Classification.defaults() : asked;
  }

  private static void check(FineTuneJobSpec spec, Classification asked) {
    boolean words = spec.task() == Task.TOKEN_CLASSIFICATION;
    boolean number = asked.problemType() == ProblemType.REGRESSION;
    refuse(
        words && asked.problemType() != ProblemType.SINGLE_LABEL,
        FIELD + "problemType: must be singleLabel for TokenClassification");
    refuse(
        !words && asked.subwords() != LabeledSubwords.FIRST,
        FIELD + "subwords: is of TokenClassification only");
    refuse(number && asked.labels() != null, FIELD + "labels: a regression has none");
    refuse(
        number && asked.classWeights() != null, FIELD + "classWeights: a regression has no labels");
    refuse(number && asked.balanced(), FIELD + "balanced: a regression has no labels");
    refuse(
        asked.problemType() != ProblemType.SINGLE_LABEL && spec.training().labelSmoothing() > 0,
        "spec.training.labelSmoothing: must be 0 unless there is one label for each text or word");
  }

  private static void refuse(boolean wrong, String message) {
    if (wrong) {
      throw new InvalidConfiguration(message);
    }
  }

  /**
   * Returns what a job predicts, once its training rows are read.
   *
   * @param labeling how their labels became targets; closed
   * @param examples the training rows
   */
  static Classifier of(FineTuneJobSpec spec, Labeling labeling, List<Example> examples) {
    List<String> names = labeling.names().names();
    refuse(
        labeling.problem() == ProblemType.SINGLE_LABEL && names.size() < 2,
        "%slabels: must be two at least, were %s".formatted(FIELD, names));
    refuse(
        labeling.problem() == ProblemType.MULTI_LABEL && names.isEmpty(),
        FIELD + "labels: must be one at least, the training rows have none");
    LabelFile labels = new LabelFile(spec.task(), labeling.problem(), names);
    double[] weights = weights(classification(spec), labeling, examples);
    return new Classifier(labels, problem(labels, weights, spec.training().labelSmoothing()));
  }

  /** Returns what an adapter predicts whose labels are known. */
  static Classifier of(LabelFile labels) {
    double[] even = new double[labels.labels().size()];
    Arrays.fill(even, 1);
    return new Classifier(labels, problem(labels, even, 0));
  }

  /**
   * Returns what a stored adapter predicts, or null for language modelling. One that PEFT wrote has
   * no names of labels: then they are numbered.
   *
   * @param folder the adapter's files
   */
  static @Nullable Classifier stored(Task task, Path folder) {
    if (task == Task.CAUSAL_LM) {
      return null;
    }
    Path labels = folder.resolve(LabelFile.NAME);
    return of(
        Files.exists(labels)
            ? LabelFile.read(labels, task)
            : LabelFile.unnamed(task, outputs(folder.resolve(AdapterFiles.WEIGHTS))));
  }

  private static int outputs(Path weights) {
    try (SafetensorsReader reader = SafetensorsReader.open(weights)) {
      String name = AdapterFiles.nameOf(ModelModules.SCORE + ".weight");
      if (!reader.names().contains(name) || reader.shape(name).length != 2) {
        throw new UnreadableData(weights + ": expected a matrix " + name + ", found none");
      }
      return (int) Math.min(reader.shape(name)[0], MOST_OUTPUTS);
    }
  }

  /** Returns what a job predicts whose rows nobody has read, for a plan; null for language. */
  static @Nullable Classifier assumed(FineTuneJobSpec spec) {
    Labeling labeling = labeling(spec);
    if (labeling == null) {
      return null;
    }
    int named = labeling.names().names().size();
    int outputs = labeling.problem() == ProblemType.REGRESSION ? 1 : Math.max(named, ASSUMED);
    return of(LabelFile.unnamed(spec.task(), outputs));
  }

  private static HeadProblem problem(LabelFile labels, double[] weights, double smoothing) {
    return switch (labels.problem()) {
      case SINGLE_LABEL ->
          new OneLabel(
              labels.labels(), weights, smoothing, labels.task() == Task.TOKEN_CLASSIFICATION);
      case MULTI_LABEL -> new SeveralLabels(labels.labels(), weights);
      case REGRESSION -> new OneNumber();
    };
  }

  private static double[] weights(Classification asked, Labeling labeling, List<Example> examples) {
    List<String> names = labeling.names().names();
    double[] weights = new double[names.size()];
    Arrays.fill(weights, 1);
    if (asked.balanced()) {
      long[] counts = labeling.counts(examples);
      double mean = (double) Arrays.stream(counts).sum() / names.size();
      for (int i = 0; i < weights.length; i++) {
        weights[i] = counts[i] == 0 ? 1 : mean / counts[i];
      }
    }
    Map<String, Double> given = asked.classWeights();
    if (given != null) {
      given.forEach(
          (label, weight) -> {
            refuse(
                !names.contains(label),
                "%sclassWeights[%s]: must be one of the labels %s"
                    .formatted(FIELD, label, String.join(", ", names)));
            weights[names.indexOf(label)] = weight;
          });
    }
    return weights;
  }

  /** Refuses a metric to compare evaluations by that those of a job do not have. */
  static void requireMetric(FineTuneJobSpec spec, @Nullable Classifier classifier) {
    Evaluation evaluation = spec.evaluation();
    if (evaluation == null) {
      return;
    }
    Set<Metric> metrics =
        classifier == null
            ? TaskMetrics.ofLanguage()
            : TaskMetrics.ofClassifier(
                spec.task(), classifier.labels().problem(), classifier.labels().labels());
    refuse(
        !metrics.contains(evaluation.metric()),
        "spec.evaluation.metric: must be one of %s for this task and its labels, was %s"
            .formatted(metrics, evaluation.metric()));
  }

  /** Returns the modules of a base model with this head. */
  ModelModules modules(ModelModules base) {
    return base.classifier(labels.outputs(), labels.task() == Task.TOKEN_CLASSIFICATION);
  }
}
