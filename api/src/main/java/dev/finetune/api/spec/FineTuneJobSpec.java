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
 * What a fine-tuning job is asked to do. Everything but suspend, ttlSecondsAfterFinished and
 * pod.priorityClassName is immutable.
 */
@ValidationRule(
    value = "self.task == oldSelf.task",
    message = "task is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value = "self.model == oldSelf.model",
    message = "model is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value = "self.dataset == oldSelf.dataset",
    message = "dataset is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value = "self.adapter == oldSelf.adapter",
    message = "adapter is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value = "self.training == oldSelf.training",
    message = "training is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value = "self.checkpoint == oldSelf.checkpoint",
    message = "checkpoint is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value = "self.storage == oldSelf.storage",
    message = "storage is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value =
        "has(self.quantization) == has(oldSelf.quantization) && (!has(self.quantization) || self.quantization == oldSelf.quantization)",
    message = "quantization is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value =
        "has(self.resources) == has(oldSelf.resources) && (!has(self.resources) || self.resources == oldSelf.resources)",
    message = "resources is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value =
        "has(self.runId) == has(oldSelf.runId) && (!has(self.runId) || self.runId == oldSelf.runId)",
    message = "runId is immutable: delete the job, or apply it under another name")
@ValidationRule(
    value = "has(self.pod) == has(oldSelf.pod)",
    message = "pod is immutable, except priorityClassName")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || (has(self.pod.serviceAccountName) == has(oldSelf.pod.serviceAccountName) && (!has(self.pod.serviceAccountName) || self.pod.serviceAccountName == oldSelf.pod.serviceAccountName))",
    message = "pod.serviceAccountName is immutable")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || (has(self.pod.nodeSelector) == has(oldSelf.pod.nodeSelector) && (!has(self.pod.nodeSelector) || self.pod.nodeSelector == oldSelf.pod.nodeSelector))",
    message = "pod.nodeSelector is immutable")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || (has(self.pod.tolerations) == has(oldSelf.pod.tolerations) && (!has(self.pod.tolerations) || self.pod.tolerations == oldSelf.pod.tolerations))",
    message = "pod.tolerations is immutable")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || (has(self.pod.imagePullSecrets) == has(oldSelf.pod.imagePullSecrets) && (!has(self.pod.imagePullSecrets) || self.pod.imagePullSecrets == oldSelf.pod.imagePullSecrets))",
    message = "pod.imagePullSecrets is immutable")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || (has(self.pod.runtimeClassName) == has(oldSelf.pod.runtimeClassName) && (!has(self.pod.runtimeClassName) || self.pod.runtimeClassName == oldSelf.pod.runtimeClassName))",
    message = "pod.runtimeClassName is immutable")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || (has(self.pod.env) == has(oldSelf.pod.env) && (!has(self.pod.env) || self.pod.env == oldSelf.pod.env))",
    message = "pod.env is immutable")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || (has(self.pod.labels) == has(oldSelf.pod.labels) && (!has(self.pod.labels) || self.pod.labels == oldSelf.pod.labels))",
    message = "pod.labels is immutable")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || (has(self.pod.annotations) == has(oldSelf.pod.annotations) && (!has(self.pod.annotations) || self.pod.annotations == oldSelf.pod.annotations))",
    message = "pod.annotations is immutable")
@ValidationRule(
    value =
        "!has(self.pod) || !has(oldSelf.pod) || has(self.pod.affinity) == has(oldSelf.pod.affinity)",
    message = "pod.affinity is immutable")
public record FineTuneJobSpec(
    @JsonPropertyDescription("What the model is trained to do: CausalLM. Default CausalLM.")
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
    @JsonPropertyDescription("When the state of the run is saved and how many states are kept.")
        @Default("{}")
        CheckpointPolicy checkpoint,
    @JsonPropertyDescription("Where checkpoints, progress and the adapter go.") @Required
        Storage storage,
    @JsonPropertyDescription("CPU, memory and accelerators of the trainer pod.")
        @Nullable ResourceRequirements resources,
    @JsonPropertyDescription("What of the trainer pod a user may set.") @Nullable PodSettings pod,
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
        @Nullable Integer ttlSecondsAfterFinished) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public FineTuneJobSpec {
    task = task == null ? Task.CAUSAL_LM : task;
    adapter = adapter == null ? Adapter.defaults() : adapter;
    training = training == null ? Training.defaults() : training;
    checkpoint = checkpoint == null ? CheckpointPolicy.defaults() : checkpoint;
    suspend = suspend == null ? false : suspend;
  }

  /**
   * Returns the method in the field's words: {@code QLoRA} on a quantized base, else {@code LoRA}.
   */
  public String method() {
    return quantization == null ? "LoRA" : "QLoRA";
  }
}
