package dev.finetune.api.spec;

import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A job file as text: what a user writes and what {@code kubectl get -o yaml} prints. The fields
 * that only an API server fills are known, so that such a file can be read, and ignored.
 */
record Document(
    @Required @Pattern("^finetune\\.dev/v1alpha1$") String apiVersion,
    @Required @Pattern("^FineTuneJob$") String kind,
    @Required Metadata metadata,
    @Required FineTuneJobSpec spec,
    @Nullable Map<String, Object> status) {
  static final String API_VERSION = "finetune.dev/v1alpha1";
  static final String KIND = "FineTuneJob";

  /** Metadata as in meta/v1. Names of Jobs and pods are made from the name, so it is short. */
  record Metadata(
      @Required @Size(min = 1, max = 50) @Pattern(Syntax.LABEL_NAME) String name,
      @Size(min = 1, max = 63) @Pattern(Syntax.LABEL_NAME) @Nullable String namespace,
      @Size(max = 64) @Nullable String uid,
      @Nullable
          Map<
              @Size(min = 1, max = Syntax.QUALIFIED_NAME_LENGTH) @Pattern(Syntax.QUALIFIED_NAME)
              String,
              @Size(max = 63) @Pattern(Syntax.LABEL_VALUE) String>
          labels,
      @Nullable
          Map<
              @Size(min = 1, max = Syntax.QUALIFIED_NAME_LENGTH) @Pattern(Syntax.QUALIFIED_NAME)
              String,
              String>
          annotations,
      @Nullable String creationTimestamp,
      @Nullable String deletionTimestamp,
      @Nullable Long deletionGracePeriodSeconds,
      @Nullable List<String> finalizers,
      @Nullable String generateName,
      @Nullable Long generation,
      @Nullable List<Object> managedFields,
      @Nullable List<Object> ownerReferences,
      @Nullable String resourceVersion,
      @Nullable String selfLink) {}
}
