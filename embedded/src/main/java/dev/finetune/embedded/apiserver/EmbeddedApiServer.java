package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/**
 * A Kubernetes API server in this process, on the loopback interface, without encryption or
 * authentication. Objects are kept in memory and are gone when it is closed. Safe for use by many
 * threads. It is no kubelet and no Job controller: nothing runs by itself.
 */
public final class EmbeddedApiServer implements AutoCloseable {
  static {
    // Answers are small and clients wait for them: no Nagle. Read once, before the first server.
    System.setProperty("sun.net.httpserver.nodelay", "true");
  }

  private final HttpServer server;
  private final ExecutorService threads;
  private final RequestHandler handler;
  private final AtomicReference<PodLogs> logs =
      new AtomicReference<>((namespace, pod) -> Optional.empty());
  private final ResourceApi api;
  private final ResourceTypes types = new ResourceTypes();

  private EmbeddedApiServer(int port) throws IOException {
    ResourceStore store = new ResourceStore();
    Clock clock = Clock.systemUTC();
    this.handler = new RequestHandler(types, store, clock, logs);
    this.api = new ResourceApi(types, store, clock);
    this.threads = Executors.newVirtualThreadPerTaskExecutor();
    this.server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(threads);
    server.createContext("/", handler);
  }

  /**
   * Starts a server that has the namespaces {@code default} and {@code kube-system}.
   *
   * @param port TCP port, 0 for a free one
   * @param definitions files with CustomResourceDefinitions (YAML or JSON, one a file), or folders
   *     of such files
   * @return the server, to be closed by the caller
   * @throws IOException if the port is taken or a file cannot be read
   */
  public static EmbeddedApiServer start(int port, Path... definitions) throws IOException {
    EmbeddedApiServer started = new EmbeddedApiServer(port);
    started.create(
        "/api/v1/namespaces",
        "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"default\"}}");
    started.create(
        "/api/v1/namespaces",
        "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"kube-system\"}}");
    for (Path path : definitions) {
      for (Path file : filesOf(path)) {
        started.create(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", Files.readString(file));
      }
    }
    started.server.start();
    return started;
  }

  /** Returns the URL, such as {@code http://127.0.0.1:8001}. */
  public String url() {
    return "http://127.0.0.1:" + port();
  }

  /** Returns the TCP port. */
  public int port() {
    return server.getAddress().getPort();
  }

  /** Returns the text of a kubeconfig file for kubectl. */
  public String kubeconfig() {
    return """
        apiVersion: v1
        kind: Config
        clusters:
        - name: embedded
          cluster:
            server: %s
        contexts:
        - name: embedded
          context:
            cluster: embedded
            user: anyone
            namespace: default
        users:
        - name: anyone
          user: {}
        current-context: embedded
        """
        .formatted(url());
  }

  /** Returns a client of the namespace {@code default}, to be closed by the caller. */
  public KubernetesClient client() {
    Config config =
        new ConfigBuilder(Config.empty())
            .withMasterUrl(url())
            .withNamespace("default")
            .withHttp2Disable(true)
            .withOnlyHttpWatches(true)
            .build();
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  /** Says where the output of pods is, for {@code kubectl logs}. */
  public void serveLogs(PodLogs podLogs) {
    logs.set(podLogs);
  }

  /** Stops at once; requests and watches under way are cut off. */
  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private void create(String path, String body) {
    ApiRequest request =
        new ApiRequest(
            "POST",
            List.of(path.substring(1).split("/")),
            Map.of(),
            "application/yaml",
            "application/json",
            "embedded",
            body.getBytes(StandardCharsets.UTF_8));
    ObjectNode created = api.create(request, request.target(types));
    if (created.path("metadata").path("uid").isMissingNode()) {
      throw new IllegalStateException("the object was not stored: " + path);
    }
  }

  private static List<Path> filesOf(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    try (Stream<Path> files = Files.list(path)) {
      return files
          .filter(file -> file.toString().matches(".*\\.(yml|yaml|json)"))
          .sorted()
          .toList();
    }
  }
}
