package dev.finetune.local;

import dev.finetune.embedded.apiserver.EmbeddedApiServer;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.local.runner.LocalRunner;
import dev.finetune.local.runner.RunnerOptions;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Everything around the operator, in this process: an API server, an object store and a runner that
 * starts trainers. Objects of Kubernetes live as long as it, objects of the store stay in its
 * folder.
 *
 * <p>A job that names no {@code spec.storage.endpoint} means the embedded store: its trainer finds
 * the variable {@code AWS_ENDPOINT_URL}, as tools for AWS name it.
 */
public final class LocalStack implements AutoCloseable {
  /** Bucket that is there from the start. */
  public static final String BUCKET = "finetune";

  /** Secret with the keys of the object store, in the namespace {@code default}. */
  public static final String SECRET = "finetune-storage";

  private final EmbeddedApiServer apiServer;
  private final EmbeddedObjectStore objectStore;
  private final KubernetesClient client;
  private final LocalRunner runner;
  private final Path kubeconfig;
  private final AtomicBoolean closed = new AtomicBoolean();

  private LocalStack(LocalStackOptions options) throws IOException {
    Path state = Files.createDirectories(options.state());
    objectStore = EmbeddedObjectStore.start(ObjectStoreOptions.in(state.resolve("objects")));
    objectStore.createBucket(BUCKET);
    apiServer = EmbeddedApiServer.start(options.port(), options.definitions());
    client = apiServer.client();
    client.resource(secret(objectStore)).create();
    kubeconfig = state.resolve("kubeconfig");
    Files.writeString(kubeconfig, apiServer.kubeconfig());
    runner =
        LocalRunner.start(
            client,
            RunnerOptions.of(options.launcher(), state)
                .environment(Map.of("AWS_ENDPOINT_URL", objectStore.endpoint().toString()))
                .output(options.output()));
    apiServer.serveLogs(runner::openLog);
  }

  /**
   * Starts a stack.
   *
   * @return the stack, to be closed by the caller
   * @throws IOException if a port is taken, or a folder cannot be read or made
   */
  public static LocalStack start(LocalStackOptions options) throws IOException {
    return new LocalStack(options);
  }

  /** Returns a client of the API server, closed with the stack. */
  public KubernetesClient client() {
    return client;
  }

  /** Returns the runner of pods. */
  public LocalRunner runner() {
    return runner;
  }

  /** Returns the object store. */
  public EmbeddedObjectStore objectStore() {
    return objectStore;
  }

  /** Returns the URL of the API server. */
  public URI apiServer() {
    return URI.create(apiServer.url());
  }

  /** Returns the file by which kubectl finds the API server. */
  public Path kubeconfig() {
    return kubeconfig;
  }

  /**
   * Returns the system properties by which an operator in this process finds API server and object
   * store. They must be set before its first client is made.
   */
  public Map<String, String> operatorProperties() {
    return Map.of(
        "kubernetes.master", apiServer.url(),
        "kubernetes.namespace", "default",
        "kubernetes.auth.tryKubeConfig", "false",
        "kubernetes.auth.tryServiceAccount", "false",
        "http2.disable", "true",
        "aws.endpointUrlS3", objectStore.endpoint().toString());
  }

  /** Stops trainers, asking first, then everything else. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      runner.close();
      client.close();
      apiServer.close();
      objectStore.close();
    }
  }

  private static Secret secret(EmbeddedObjectStore store) {
    return new SecretBuilder()
        .withNewMetadata()
        .withName(SECRET)
        .withNamespace("default")
        .endMetadata()
        .addToStringData("AWS_ACCESS_KEY_ID", store.accessKey())
        .addToStringData("AWS_SECRET_ACCESS_KEY", store.secretKey())
        .build();
  }
}
