package dev.finetune.operator.progress;

import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.Storage;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.progress.ObjectReader.Content;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/**
 * Reads the head and the progress of a run from S3, with the credentials of the job's own
 * namespace, by conditional GET. What was read is kept by the UID of the job, so that an unchanged
 * run costs two answers without a body.
 */
public final class S3RunReader implements RunReader, AutoCloseable {
  private static final String S3 = "s3://";

  /** How long a storage that did not answer is left alone. */
  private static final Duration PAUSE = Duration.ofSeconds(10);

  private final OperatorConfig.Storage config;
  private final EndpointPolicy policy;
  private final StoreSecrets secrets;
  private final StoreClients clients;
  private final Clock clock;
  private final Map<String, Known> known = Collections.synchronizedMap(new Recent());

  /** Creates a reader; the caller closes it. */
  public S3RunReader(KubernetesClient client, OperatorConfig.Storage config, Clock clock) {
    this.config = config;
    this.policy = new EndpointPolicy(config);
    this.secrets = new StoreSecrets(client);
    this.clients = new StoreClients(config, policy);
    this.clock = clock;
  }

  @Override
  public RunReading read(FineTuneJob job, Duration maximumAge) {
    String uid = job.getMetadata().getUid();
    Known last = known.getOrDefault(uid, Known.NOTHING);
    Instant now = clock.instant();
    boolean silent = last.reading().access() == RunReading.Access.UNREACHABLE;
    if (now.isBefore(last.time().plus(silent ? PAUSE : maximumAge))) {
      return last.reading();
    }
    Known next = readNow(job, last, now);
    known.put(uid, next);
    return next.reading();
  }

  @Override
  public void forget(String uid) {
    known.remove(uid);
  }

  @Override
  public void close() {
    clients.close();
  }

  private Known readNow(FineTuneJob job, Known last, Instant now) {
    try {
      return readFrom(job, last, now);
    } catch (NotReadable e) {
      return last.with(now, RunReading.notReadable(String.valueOf(e.getMessage())));
    } catch (S3Exception e) {
      String code = e.awsErrorDetails() == null ? "" : e.awsErrorDetails().errorCode();
      return last.with(
          now,
          last.reading()
              .unreachable("the storage answered " + e.statusCode() + " " + code + " for the run"));
    } catch (SdkException e) {
      return last.with(now, last.reading().unreachable("the storage: " + rootMessage(e)));
    } catch (IOException e) {
      return last.with(
          now, last.reading().unreachable("the run is not readable: " + e.getMessage()));
    }
  }

  private Known readFrom(FineTuneJob job, Known last, Instant now) throws NotReadable, IOException {
    Storage storage = job.getSpec().storage();
    Optional<URI> endpoint = endpoint(storage);
    check(storage, endpoint);
    String namespace = job.getMetadata().getNamespace();
    String rest = storage.uri().substring(S3.length());
    int slash = rest.indexOf('/');
    String bucket = slash < 0 ? rest : rest.substring(0, slash);
    String prefix = slash < 0 ? "" : rest.substring(slash + 1).replaceAll("/+$", "");
    String folder =
        (prefix.isEmpty() ? "" : prefix + "/")
            + StorageLayout.runFolder(
                namespace, job.getMetadata().getName(), SpecHash.of(job.getSpec()));
    try (StoreClients.Store store =
        clients.open(
            storage,
            endpoint,
            secrets.credentials(namespace, storage),
            secrets.caBundle(namespace, storage))) {
      return readRun(
          new ObjectReader(store.client(), bucket, config.maximumObjectBytes()), folder, last, now);
    } catch (IllegalArgumentException e) {
      throw new NotReadable("spec.storage: " + e.getMessage());
    }
  }

  private static Known readRun(ObjectReader objects, String folder, Known last, Instant now)
      throws IOException {
    Content content = objects.get(folder + StorageLayout.HEAD, last.headTag()).orElse(null);
    if (content == null) {
      return new Known(now, RunReading.of(null, null), null, null, null);
    }
    Head head = parse(content, Head.class, last.reading().head());
    if (head == null || head.attempt() < 1) {
      throw new IOException(StorageLayout.HEAD + ": attempt must be at least 1");
    }
    String key = folder + StorageLayout.progress(head.attempt());
    boolean same = key.equals(last.progressKey());
    Content report = objects.get(key, same ? last.progressTag() : null).orElse(null);
    Progress progress =
        report == null ? null : parse(report, Progress.class, last.reading().progress());
    return new Known(
        now,
        RunReading.of(head, progress),
        content.etag(),
        key,
        report == null ? null : report.etag());
  }

  private static <T> @Nullable T parse(Content content, Class<T> type, @Nullable T unchanged)
      throws IOException {
    return content.bytes() == null ? unchanged : RunJson.read(content.bytes(), type);
  }

  private Optional<URI> endpoint(Storage storage) throws NotReadable {
    String endpoint = config.endpointOverride().orElse(storage.endpoint());
    if (endpoint == null) {
      return Optional.empty();
    }
    try {
      URI uri = URI.create(endpoint);
      if (uri.getHost() == null) {
        throw new NotReadable("spec.storage.endpoint: must name a host, was " + endpoint);
      }
      return Optional.of(uri);
    } catch (IllegalArgumentException _) {
      throw new NotReadable("spec.storage.endpoint: must be a URL, was " + endpoint);
    }
  }

  private void check(Storage storage, Optional<URI> endpoint) throws NotReadable {
    if (!storage.uri().startsWith(S3)) {
      throw new NotReadable(
          "spec.storage.uri: must start with s3:// for the operator to read it, was "
              + storage.uri());
    }
    Optional<String> refusal = policy.refusalOfUri(storage.uri());
    if (refusal.isEmpty() && config.endpointOverride().isEmpty()) {
      refusal = policy.refusalOfEndpoint(endpoint);
    }
    if (refusal.isPresent()) {
      throw new NotReadable(refusal.get());
    }
  }

  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null && !root.getCause().equals(root)) {
      root = root.getCause();
    }
    return root.getClass().getSimpleName() + ": " + root.getMessage();
  }

  /** What is kept of a run between two readings. */
  private record Known(
      Instant time,
      RunReading reading,
      @Nullable String headTag,
      @Nullable String progressKey,
      @Nullable String progressTag) {
    static final Known NOTHING =
        new Known(Instant.EPOCH, RunReading.of(null, null), null, null, null);

    Known with(Instant now, RunReading next) {
      boolean kept = next.access() == RunReading.Access.UNREACHABLE;
      return new Known(
          now, next, kept ? headTag : null, kept ? progressKey : null, kept ? progressTag : null);
    }
  }

  /** Keeps the runs that were looked at last. */
  private static final class Recent extends LinkedHashMap<String, Known> {
    private static final long serialVersionUID = 1;
    private static final int MAXIMUM = 10_000;

    Recent() {
      super(16, 0.75f, true);
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<String, Known> eldest) {
      return size() > MAXIMUM;
    }
  }
}
