package dev.finetune.operator.api;

import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.status.FineTuneJobStatus;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Version;

/**
 * A request to fine-tune a language model, {@code finetunejobs.finetune.dev}. The spec is the
 * user's alone, the status is the operator's.
 */
@Group("finetune.dev")
@Version("v1alpha1")
@Kind("FineTuneJob")
@Plural("finetunejobs")
@ShortNames("ftj")
@ValidationRule(
    value = "self.metadata.name.size() <= 50",
    message = "metadata.name must have at most 50 characters")
@ValidationRule(
    value = "!self.metadata.name.contains('.')",
    message = "metadata.name must not contain dots")
public class FineTuneJob extends CustomResource<FineTuneJobSpec, FineTuneJobStatus>
    implements Namespaced {
  private static final long serialVersionUID = 1L;
}
