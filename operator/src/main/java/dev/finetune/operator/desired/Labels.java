package dev.finetune.operator.desired;

import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Names and labels of the objects of a FineTuneJob. */
public final class Labels {
  /** Name of the FineTuneJob that an object belongs to. */
  public static final String JOB = "finetune.dev/job";

  /** Number of the Job that an object belongs to, from 1. */
  public static final String ATTEMPT = "finetune.dev/attempt";

  /** Queue of Kueue. A Job with it is made suspended, and Kueue alone starts it. */
  public static final String QUEUE = "kueue.x-k8s.io/queue-name";

  /** Who made an object. */
  public static final String MANAGED_BY = "app.kubernetes.io/managed-by";

  /** What the operator calls itself in {@link #MANAGED_BY}. */
  public static final String OPERATOR = "finetune-operator";

  /** Selects every object that the operator made. */
  public static final String SELECTOR = MANAGED_BY + "=" + OPERATOR;

  private static final String KUEUE = "kueue.x-k8s.io/";

  private Labels() {}

  /** Returns the name of the Job, and of its ConfigMap, with a number from 1. */
  public static String jobName(FineTuneJob job, int number) {
    return job.getMetadata().getName() + "-" + number;
  }

  /** Returns the labels of every object of a Job. */
  public static Map<String, String> of(FineTuneJob job, int number) {
    Map<String, String> labels = new LinkedHashMap<>();
    labels.put("app.kubernetes.io/name", "finetune-trainer");
    labels.put("app.kubernetes.io/instance", job.getMetadata().getName());
    labels.put("app.kubernetes.io/component", "trainer");
    labels.put(MANAGED_BY, OPERATOR);
    labels.put(JOB, job.getMetadata().getName());
    labels.put(ATTEMPT, Integer.toString(number));
    return labels;
  }

  /** Returns the labels of a FineTuneJob that are meant for Kueue. */
  public static Map<String, String> kueue(FineTuneJob job) {
    Map<String, String> copied = new LinkedHashMap<>();
    labels(job)
        .forEach(
            (key, value) -> {
              if (key.startsWith(KUEUE)) {
                copied.put(key, value);
              }
            });
    return copied;
  }

  /** Returns the Kueue queue of a FineTuneJob or of a Job. */
  public static Optional<String> queue(HasMetadata object) {
    return Optional.ofNullable(labels(object).get(QUEUE));
  }

  /** Returns the number of the Job that an object belongs to, or 0 if it has none. */
  public static int number(HasMetadata object) {
    String number = labels(object).getOrDefault(ATTEMPT, "");
    return number.matches("[1-9][0-9]{0,8}") ? Integer.parseInt(number) : 0;
  }

  /** Returns the reference by which an object is removed with its FineTuneJob. */
  public static OwnerReference owner(FineTuneJob job) {
    return new OwnerReferenceBuilder()
        .withApiVersion(job.getApiVersion())
        .withKind(job.getKind())
        .withName(job.getMetadata().getName())
        .withUid(job.getMetadata().getUid())
        .withController(true)
        .build();
  }

  /** Returns whether an object is owned by the object with this UID. */
  public static boolean isOwned(HasMetadata object, String ownerUid) {
    return object.getMetadata().getOwnerReferences().stream()
        .anyMatch(owner -> ownerUid.equals(owner.getUid()));
  }

  private static Map<String, String> labels(HasMetadata object) {
    Map<String, String> labels = object.getMetadata().getLabels();
    return labels == null ? Map.of() : labels;
  }
}
