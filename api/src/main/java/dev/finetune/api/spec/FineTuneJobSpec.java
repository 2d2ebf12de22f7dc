package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/**
 * What a fine-tuning job is asked to do. Everything but suspend, ttlSecondsAfterFinished,
 * deletionPolicy and pod.priorityClassName is immutable.
 */
@ValidationRule(value = "self.task == oldSelf.task", message = Immutable.JOB, fieldPath = ".task")
@ValidationRule(
    value = "self.model == oldSelf.model",
    message = Immutable.JOB,
    fieldPath = ".model")
@ValidationRule(
    value = "self.dataset == oldSelf.dataset",
    message = Immutable.JOB,
    fieldPath = ".dataset")
@ValidationRule(
    value = "self.adapter == oldSelf.adapter",
    message = Immutable.JOB,
    fieldPath = ".adapter")
@ValidationRule(
    value =
        "has(self.quantization) ? has(oldSelf.quantization) && self.quantization == oldSelf.quantization : !has(oldSelf.quantization)",
    message = Immutable.JOB,
    fieldPath = ".quantization")
@ValidationRule(
    value = "self.training == oldSelf.training",
    message = Immutable.JOB,
    fieldPath = ".training")
@ValidationRule(
    value = "self.checkpoint == oldSelf.checkpoint",
    message = Immutable.JOB,
    fieldPath = ".checkpoint")
@ValidationRule(
    value = "self.storage == oldSelf.storage",
    message = Immutable.JOB,
    fieldPath = ".storage")
@ValidationRule(
    value =
        "has(self.resources) ? has(oldSelf.resources) && self.resources == oldSelf.resources : !has(oldSelf.resources)",
    message = Immutable.JOB,
    fieldPath = ".resources")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.serviceAccountName) ? has(oldSelf.pod) && has(oldSelf.pod.serviceAccountName) && self.pod.serviceAccountName == oldSelf.pod.serviceAccountName : !(has(oldSelf.pod) && has(oldSelf.pod.serviceAccountName))",
    message = Immutable.JOB,
    fieldPath = ".pod.serviceAccountName")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.nodeSelector) ? has(oldSelf.pod) && has(oldSelf.pod.nodeSelector) && self.pod.nodeSelector == oldSelf.pod.nodeSelector : !(has(oldSelf.pod) && has(oldSelf.pod.nodeSelector))",
    message = Immutable.JOB,
    fieldPath = ".pod.nodeSelector")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.tolerations) ? has(oldSelf.pod) && has(oldSelf.pod.tolerations) && self.pod.tolerations == oldSelf.pod.tolerations : !(has(oldSelf.pod) && has(oldSelf.pod.tolerations))",
    message = Immutable.JOB,
    fieldPath = ".pod.tolerations")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.affinity) ? has(oldSelf.pod) && has(oldSelf.pod.affinity) && self.pod.affinity == oldSelf.pod.affinity : !(has(oldSelf.pod) && has(oldSelf.pod.affinity))",
    message = Immutable.JOB,
    fieldPath = ".pod.affinity")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.imagePullSecrets) ? has(oldSelf.pod) && has(oldSelf.pod.imagePullSecrets) && self.pod.imagePullSecrets == oldSelf.pod.imagePullSecrets : !(has(oldSelf.pod) && has(oldSelf.pod.imagePullSecrets))",
    message = Immutable.JOB,
    fieldPath = ".pod.imagePullSecrets")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.runtimeClassName) ? has(oldSelf.pod) && has(oldSelf.pod.runtimeClassName) && self.pod.runtimeClassName == oldSelf.pod.runtimeClassName : !(has(oldSelf.pod) && has(oldSelf.pod.runtimeClassName))",
    message = Immutable.JOB,
    fieldPath = ".pod.runtimeClassName")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.env) ? has(oldSelf.pod) && has(oldSelf.pod.env) && self.pod.env == oldSelf.pod.env : !(has(oldSelf.pod) && has(oldSelf.pod.env))",
    message = Immutable.JOB,
    fieldPath = ".pod.env")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.labels) ? has(oldSelf.pod) && has(oldSelf.pod.labels) && self.pod.labels == oldSelf.pod.labels : !(has(oldSelf.pod) && has(oldSelf.pod.labels))",
    message = Immutable.JOB,
    fieldPath = ".pod.labels")
@ValidationRule(
    value =
        "has(self.pod) && has(self.pod.annotations) ? has(oldSelf.pod) && has(oldSelf.pod.annotations) && self.pod.annotations == oldSelf.pod.annotations : !(has(oldSelf.pod) && has(oldSelf.pod.annotations))",
    message = Immutable.JOB,
    fieldPath = ".pod.annotations")
@ValidationRule(
    value =
        "has(self.cache) ? has(oldSelf.cache) && self.cache == oldSelf.cache : !has(oldSelf.cache)",
    message = Immutable.JOB,
    fieldPath = ".cache")
@ValidationRule(
    value =
        "has(self.runId) ? has(oldSelf.runId) && self.runId == oldSelf.runId : !has(oldSelf.runId)",
    message = Immutable.JOB,
    fieldPath = ".runId")
@ValidationRule(
    value =
        "!has(self.training) || !has(self.training.evalEverySteps) || has(self.dataset.eval) || has(self.dataset.evalFraction) && double(self.dataset.evalFraction) > 0.0",
    message = EitherOr.HELD_OUT,
    fieldPath = ".training.evalEverySteps")
@ValidationRule(
    value =
        "has(self.classification) ? has(oldSelf.classification) && self.classification == oldSelf.classification : !has(oldSelf.classification)",
    message = Immutable.JOB,
    fieldPath = ".classification")
@ValidationRule(
    value =
        "has(self.evaluation) ? has(oldSelf.evaluation) && self.evaluation == oldSelf.evaluation : !has(oldSelf.evaluation)",
    message = Immutable.JOB,
    fieldPath = ".evaluation")
@ValidationRule(
    value =
        "has(self.forgetting) ? has(oldSelf.forgetting) && self.forgetting == oldSelf.forgetting : !has(oldSelf.forgetting)",
    message = Immutable.JOB,
    fieldPath = ".forgetting")
@ValidationRule(
    value = "!has(self.classification) || has(self.task) && self.task != 'CausalLM'",
    message = EitherOr.CLASSIFICATION,
    fieldPath = ".classification")
@ValidationRule(
    value = "!has(self.evaluation) || has(self.training) && has(self.training.evalEverySteps)",
    message = EitherOr.EVALUATION,
    fieldPath = ".evaluation")
public record FineTuneJobSpec(
    @JsonPropertyDescription(
            "What the model is trained to do: CausalLM, SequenceClassification or TokenClassification. Default CausalLM.")
        @Default("CausalLM")
        Task task,
    @JsonPropertyDescription("The frozen base model.") @Required BaseModel model,
    @JsonPropertyDescription("The training examples and how they are held out.") @Required
        Dataset dataset,
    @JsonPropertyDescription("The trained low-rank update.") @Default("{}") Adapter adapter,
    @JsonPropertyDescription(
            "How the frozen base weights are stored. Absent: not quantized, plain LoRA.")
        @Nullable Quantization quantization,
    @JsonPropertyDescription("Hyperparameters.") @Default("{}") Training training,
    @JsonPropertyDescription("What a classifier tells apart.")
        @Nullable Classification classification,
    @JsonPropertyDescription("What is made of evaluations on held-out rows.")
        @Nullable Evaluation evaluation,
    @JsonPropertyDescription("What keeps the model from losing what it could before.")
        @Nullable Forgetting forgetting,
    @JsonPropertyDescription("When the state of the run is saved and how many states are kept.")
        @Default("{}")
        CheckpointPolicy checkpoint,
    @JsonPropertyDescription("Where checkpoints, progress and the adapter go.") @Required
        Storage storage,
    @JsonPropertyDescription("CPU, memory and accelerators of the trainer pod.")
        @Nullable ResourceRequirements resources,
    @JsonPropertyDescription("What of the trainer pod a user may set.") @Nullable PodSettings pod,
    @JsonPropertyDescription(
            "Where downloads and quantized weights are kept. Default: a folder that lives as long as the pod.")
        @Nullable Cache cache,
    @JsonPropertyDescription(
            "Whether the job is to be stopped, with its state saved, and not started. Default false.")
        @Default("false")
        Boolean suspend,
    @JsonPropertyDescription(
            "Any text: a new one starts a new run beside the checkpoints of the old one.")
        @Size(min = 1, max = 63)
        @Nullable String runId,
    @JsonPropertyDescription(
            "Seconds after the end until Jobs, pods and ConfigMaps are removed; never the FineTuneJob. Default: kept.")
        @Min(0)
        @Max(2147483647)
        @Nullable Integer ttlSecondsAfterFinished,
    @JsonPropertyDescription(
            "What of the run in object storage is deleted: nothing (KeepAll), checkpoints once the adapter is delivered (DeleteCheckpoints), or these and the whole run when the job is deleted (DeleteAll). Default KeepAll.")
        @Default("KeepAll")
        DeletionPolicy deletionPolicy) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public FineTuneJobSpec {
    task = task == null ? Task.CAUSAL_LM : task;
    adapter = adapter == null ? Adapter.defaults() : adapter;
    training = training == null ? Training.defaults() : training;
    checkpoint = checkpoint == null ? CheckpointPolicy.defaults() : checkpoint;
    suspend = suspend == null ? false : suspend;
    deletionPolicy = deletionPolicy == null ? DeletionPolicy.KEEP_ALL : deletionPolicy;
  }

  /** Returns how rows of the data set are read: as it says, or by the task. */
  public DatasetFormat datasetFormat() {
    DatasetFormat format = dataset.format();
    if (format != null) {
      return format;
    }
    return switch (task) {
      case CAUSAL_LM -> DatasetFormat.ALPACA;
      case SEQUENCE_CLASSIFICATION -> DatasetFormat.LABELED_TEXT;
      case TOKEN_CLASSIFICATION -> DatasetFormat.LABELED_TOKENS;
    };
  }

  /**
   * Returns the method in the field's words: {@code QLoRA} on a quantized base, else {@code LoRA}.
   */
  public String method() {
    return quantization == null ? "LoRA" : "QLoRA";
  }
}
