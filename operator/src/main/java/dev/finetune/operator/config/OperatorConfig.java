package dev.finetune.operator.config;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Settings of the operator. Durations are ISO 8601, amounts as Kubernetes writes them. */
@ConfigMapping(prefix = "finetune.operator")
public interface OperatorConfig {
  /** Returns what every trainer pod has in common. */
  Trainer trainer();

  /** Returns how often a run is looked at. */
  Polling polling();

  /** Returns when a failed attempt is followed by another. */
  Retry retry();

  /** Returns what of object storage the operator itself may read and change. */
  Storage storage();

  /** What every trainer pod has in common. */
  interface Trainer {
    /** Returns the image of the trainer. */
    String image();

    /**
     * Returns the image for jobs whose limits name a resource that ends in {@code /gpu}; that of
     * all others if absent.
     */
    Optional<String> gpuImage();

    /** Returns when the image is pulled: Always, IfNotPresent or Never. */
    @WithDefault("IfNotPresent")
    String imagePullPolicy();

    /** Returns how long a trainer may take to save its state after it was asked to stop. */
    @WithDefault("PT120S")
    Duration terminationGracePeriod();

    /**
     * Returns the longest time to save that is given because a trainer was measured to need it; a
     * longer {@link #terminationGracePeriod} holds all the same.
     */
    @WithDefault("PT10M")
    Duration maxTerminationGracePeriod();

    /** Returns how long a trainer stays on a node that is unreachable or not ready. */
    @WithDefault("PT60S")
    Duration unreachableToleration();

    /** Returns the size limit of the work folder; none if absent. */
    Optional<String> workSizeLimit();

    /** Returns the size limit of the cache folder; none if absent. */
    Optional<String> cacheSizeLimit();

    /** Returns the size limit of the folder for temporary files; none if absent. */
    @WithDefault("1Gi")
    Optional<String> temporarySizeLimit();
  }

  /** How often a run is looked at. */
  interface Polling {
    /** Returns the time between two looks at a run that trains. */
    @WithDefault("PT5S")
    Duration interval();

    /** Returns the time between two looks at a job that waits; events wake it earlier. */
    @WithDefault("PT30S")
    Duration idleInterval();

    /** Returns the least time between two writes of a job's progress. */
    @WithDefault("PT15S")
    Duration progressWriteInterval();
  }

  /** When a failed attempt is followed by another. */
  interface Retry {
    /** Returns how many attempts in a row may fail without a new checkpoint, 1 to 9. */
    @WithDefault("5")
    int maxAttemptsWithoutProgress();

    /** Returns the wait after the first failure; it doubles with each that follows. */
    @WithDefault("PT10S")
    Duration initialBackOff();

    /** Returns the longest wait between two attempts. */
    @WithDefault("PT5M")
    Duration maxBackOff();

    /** Returns how old the heartbeat of a newer attempt must be before it counts as dead. */
    @WithDefault("PT2M")
    Duration fencedPatience();
  }

  /** What of object storage the operator itself may read and change. */
  interface Storage {
    /** Returns the endpoints that may be called, such as {@code https://host:9000}; any if none. */
    Optional<List<String>> allowedEndpoints();

    /** Returns the URIs under which runs may lie, such as {@code s3://bucket/team}; any if none. */
    Optional<List<String>> allowedUriPrefixes();

    /** Returns whether an endpoint may be this machine, as it is in a local stack. */
    @WithDefault("false")
    boolean allowLoopback();

    /** Returns an endpoint to call instead of the one that jobs name, for an operator elsewhere. */
    Optional<String> endpointOverride();

    /** Returns the size above which an object is not read. */
    @WithDefault("262144")
    int maximumObjectBytes();

    /** Returns how many objects are deleted at most before other jobs have their turn. */
    @WithDefault("250")
    int maximumDeletions();

    /**
     * Returns how long a job that is deleted with its run waits for its trainer and its storage,
     * before it goes and the run stays.
     */
    @WithDefault("PT10M")
    Duration deletionDeadline();

    /** Returns how long a connection may take. */
    @WithDefault("PT2S")
    Duration connectTimeout();

    /** Returns how long a whole request may take, retries included. */
    @WithDefault("PT6S")
    Duration requestTimeout();
  }
}
