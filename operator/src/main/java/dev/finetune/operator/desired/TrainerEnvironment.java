package dev.finetune.operator.desired;

import dev.finetune.api.spec.Cache;
import dev.finetune.api.spec.EnvironmentVariable;
import dev.finetune.api.spec.EnvironmentVariableSource;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.KeyReference;
import dev.finetune.api.spec.Quantity;
import dev.finetune.api.spec.SecretReference;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarBuilder;
import io.fabric8.kubernetes.api.model.EnvVarSource;
import io.fabric8.kubernetes.api.model.EnvVarSourceBuilder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Environment variables of the trainer: the operator's, which win, and then the user's. */
final class TrainerEnvironment {
  /** By what the trainer divides the token budget of the run; 1 if it is not there. */
  static final String TOKEN_BUDGET_DIVISOR = "FINETUNE_TOKEN_BUDGET_DIVISOR";

  private static final String HUB = "hf://";

  private TrainerEnvironment() {}

  static List<EnvVar> of(FineTuneJob job, AttemptSettings attempt) {
    FineTuneJobSpec spec = job.getSpec();
    List<EnvVar> variables = new ArrayList<>();
    variables.add(variable("FINETUNE_OWNER", job.getMetadata().getUid()));
    variables.add(variable("FINETUNE_NAMESPACE", job.getMetadata().getNamespace()));
    variables.add(variable("FINETUNE_WORK", TrainerVolumes.WORK));
    variables.add(variable("FINETUNE_CACHE", TrainerVolumes.CACHE));
    cacheLimit(spec).ifPresent(limit -> variables.add(variable("FINETUNE_CACHE_LIMIT", limit)));
    variables.add(variable("FINETUNE_PVC_ROOT", TrainerVolumes.PVC_ROOT));
    addCredentials(variables, "", spec.storage().secretRef());
    if (!spec.model().uri().startsWith(HUB)) {
      addCredentials(variables, "FINETUNE_MODEL_", spec.model().secretRef());
    }
    if (spec.storage().caBundleRef() != null) {
      variables.add(
          variable(
              "AWS_CA_BUNDLE",
              TrainerVolumes.CA_BUNDLE + "/" + spec.storage().caBundleRef().key()));
    }
    if (attempt.tokenBudgetDivisor() > 1) {
      variables.add(variable(TOKEN_BUDGET_DIVISOR, Integer.toString(attempt.tokenBudgetDivisor())));
    }
    addUserVariables(variables, spec);
    addHub(variables, spec);
    return variables;
  }

  /**
   * Adds what the Hub is read with, where the job reads from it, by keys that a Secret need not
   * have. Variables that the user sets stand for these.
   */
  private static void addHub(List<EnvVar> variables, FineTuneJobSpec spec) {
    SecretReference secret =
        spec.model().secretRef() == null ? spec.storage().secretRef() : spec.model().secretRef();
    if (secret == null || SpecUris.of(spec).stream().noneMatch(uri -> uri.startsWith(HUB))) {
      return;
    }
    for (String name : List.of("HF_TOKEN", "HF_ENDPOINT")) {
      if (variables.stream().noneMatch(variable -> variable.getName().equals(name))) {
        variables.add(fromSecret("", secret, name, true));
      }
    }
  }

  /** The size limit of an emptyDir does not show in the free space of its disk. */
  private static Optional<String> cacheLimit(FineTuneJobSpec spec) {
    return Optional.ofNullable(spec.cache())
        .map(Cache::emptyDir)
        .map(Cache.EmptyDirectory::sizeLimit)
        .map(Quantity::amount);
  }

  private static void addCredentials(
      List<EnvVar> variables, String prefix, @Nullable SecretReference secret) {
    if (secret == null) {
      return;
    }
    variables.add(fromSecret(prefix, secret, "AWS_ACCESS_KEY_ID", null));
    variables.add(fromSecret(prefix, secret, "AWS_SECRET_ACCESS_KEY", null));
    variables.add(fromSecret(prefix, secret, "AWS_SESSION_TOKEN", true));
  }

  private static void addUserVariables(List<EnvVar> variables, FineTuneJobSpec spec) {
    if (spec.pod() == null || spec.pod().env() == null) {
      return;
    }
    Set<String> taken = new HashSet<>();
    variables.forEach(variable -> taken.add(variable.getName()));
    for (EnvironmentVariable user : spec.pod().env()) {
      if (taken.add(user.name())) {
        variables.add(
            new EnvVarBuilder()
                .withName(user.name())
                .withValue(user.value())
                .withValueFrom(source(user.valueFrom()))
                .build());
      }
    }
  }

  private static @Nullable EnvVarSource source(@Nullable EnvironmentVariableSource source) {
    if (source == null) {
      return null;
    }
    KeyReference secret = source.secretKeyRef();
    if (secret != null) {
      return new EnvVarSourceBuilder()
          .withNewSecretKeyRef(secret.key(), secret.name(), secret.optional())
          .build();
    }
    KeyReference configMap = source.configMapKeyRef();
    return configMap == null
        ? null
        : new EnvVarSourceBuilder()
            .withNewConfigMapKeyRef(configMap.key(), configMap.name(), configMap.optional())
            .build();
  }

  private static EnvVar variable(String name, String value) {
    return new EnvVarBuilder().withName(name).withValue(value).build();
  }

  private static EnvVar fromSecret(
      String prefix, SecretReference secret, String key, @Nullable Boolean optional) {
    return new EnvVarBuilder()
        .withName(prefix + key)
        .withNewValueFrom()
        .withNewSecretKeyRef(key, secret.name(), optional)
        .endValueFrom()
        .build();
  }
}
