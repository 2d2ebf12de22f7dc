package dev.finetune.trainer.source;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A server that behaves as the Hub does: repositories with commits and branches, listings in pages,
 * small files given at once and large ones by a redirect to a second server. Notes every request,
 * and fails as it is told.
 */
final class HubServer implements AutoCloseable {
  /** Files from this size on are kept by their SHA-256, elsewhere. */
  static final int LARGE = 40;

  private static final int PAGE = 2;

  private final HttpServer hub;
  private final HttpServer store;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, Repository> repositories = new ConcurrentHashMap<>();
  private final Map<String, byte[]> stored = new ConcurrentHashMap<>();
  private final List<String> requests = new CopyOnWriteArrayList<>();
  private final AtomicInteger cuts = new AtomicInteger();
  private final AtomicInteger failures = new AtomicInteger();
  private volatile boolean ranges = true;
  private volatile @Nullable String largeElsewhere;

  /** Commits by name, branches too; who may read; whether conditions must be accepted. */
  private static final class Repository {
    private final Map<String, String> branches = new ConcurrentHashMap<>();
    private final Map<String, SortedMap<String, byte[]>> commits = new ConcurrentHashMap<>();
    private volatile @Nullable String token;
    private volatile boolean gated;
  }

  private HubServer(HttpServer hub, HttpServer store) {
    this.hub = hub;
    this.store = store;
  }

  static HubServer start() throws IOException {
    HubServer server = new HubServer(http(), http());
    server.hub.createContext("/", server::answerHub);
    server.store.createContext("/", server::answerStore);
    for (HttpServer http : List.of(server.hub, server.store)) {
      http.setExecutor(server.threads);
      http.start();
    }
    return server;
  }

  private static HttpServer http() throws IOException {
    return HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
  }

  String endpoint() {
    return "http://127.0.0.1:" + hub.getAddress().getPort();
  }

  /**
   * Makes a commit of a branch.
   *
   * @param repository such as {@code models/owner/name}
   * @return its name
   */
  String commit(String repository, String branch, Map<String, String> files) {
    Repository found = repositories.computeIfAbsent(repository, _ -> new Repository());
    SortedMap<String, byte[]> content = new TreeMap<>();
    files.forEach((path, text) -> content.put(path, text.getBytes(StandardCharsets.UTF_8)));
    String commit = hex("SHA-1", (branch + files).getBytes(StandardCharsets.UTF_8));
    found.commits.put(commit, content);
    found.branches.put(branch, commit);
    return commit;
  }

  /** Lets nobody read a repository without a token. */
  void requireToken(String repository, String token) {
    repositories.get(repository).token = token;
  }

  void gate(String repository) {
    repositories.get(repository).gated = true;
  }

  /** Cuts the next answers with a large file's bytes in the middle. */
  void cut(int answers) {
    cuts.set(answers);
  }

  /** Answers the next requests with 503. */
  void fail(int answers) {
    failures.set(answers);
  }

  /** Gives whole files whatever part is asked for. */
  void ignoreRanges() {
    ranges = false;
  }

  /** Redirects large files to a place of the test's own. */
  void redirectTo(String place) {
    largeElsewhere = place;
  }

  /** Gives other bytes than are listed. */
  void corrupt(String content, String other) {
    byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
    stored.put(hex("SHA-256", bytes), other.getBytes(StandardCharsets.UTF_8));
  }

  /** Returns the requests so far, as server, path, range and token, and forgets them. */
  List<String> takeRequests() {
    List<String> taken = List.copyOf(requests);
    requests.clear();
    return taken;
  }

  private void note(String server, HttpExchange exchange) {
    Headers headers = exchange.getRequestHeaders();
    String range = headers.getFirst("Range");
    String token = headers.getFirst("Authorization");
    requests.add(
        server
            + " "
            + exchange.getRequestURI()
            + (range == null ? "" : " " + range)
            + (token == null ? "" : " " + token));
  }

  private void answerHub(HttpExchange exchange) throws IOException {
    note("hub", exchange);
    if (failures.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
      refuse(exchange, 503, null);
      return;
    }
    String path = exchange.getRequestURI().getPath();
    for (Map.Entry<String, Repository> entry : repositories.entrySet()) {
      String files = "/" + entry.getKey().replaceFirst("^models/", "") + "/resolve/";
      if (path.startsWith("/api/" + entry.getKey() + "/")) {
        answer(exchange, entry.getValue(), path.substring(entry.getKey().length() + 6));
        return;
      }
      if (path.startsWith(files)) {
        answer(exchange, entry.getValue(), "resolve/" + path.substring(files.length()));
        return;
      }
    }
    // As the Hub does: who may not see a repository does not learn whether there is one.
    refuse(exchange, 401, "RepoNotFound");
  }

  private void answer(HttpExchange exchange, Repository repository, String path)
      throws IOException {
    String token = exchange.getRequestHeaders().getFirst("Authorization");
    if (repository.token != null && !("Bearer " + repository.token).equals(token)) {
      refuse(exchange, 401, "RepoNotFound");
      return;
    }
    String[] parts = path.split("/", 3);
    String commit = repository.branches.getOrDefault(parts[1], parts[1]);
    SortedMap<String, byte[]> files = repository.commits.get(commit);
    if (files == null) {
      refuse(exchange, 404, "RevisionNotFound");
    } else if (parts[0].equals("revision")) {
      json(
          exchange,
          "{\"id\":\"x\",\"tags\":[{\"sha\":\"no\"}],\"sha\":\"%s\",\"siblings\":[]}"
              .formatted(commit));
    } else if (parts[0].equals("tree")) {
      list(exchange, files, parts.length < 3 ? "" : parts[2] + "/");
    } else if (repository.gated) {
      refuse(exchange, 403, "GatedRepo");
    } else {
      resolve(exchange, files.get(parts[2]));
    }
  }

  private void list(HttpExchange exchange, SortedMap<String, byte[]> files, String folder)
      throws IOException {
    SortedMap<String, String> entries = new TreeMap<>();
    files.forEach(
        (path, content) -> {
          if (path.startsWith(folder)) {
            int slash = path.indexOf('/', folder.length());
            if (slash < 0) {
              entries.put(path, entry(path, content));
            } else {
              String name = path.substring(0, slash);
              entries.put(
                  name,
                  "{\"type\":\"directory\",\"oid\":\"%s\",\"size\":0,\"path\":\"%s\"}"
                      .formatted("0".repeat(40), name));
            }
          }
        });
    if (entries.isEmpty()) {
      refuse(exchange, 404, "EntryNotFound");
      return;
    }
    List<String> all = new ArrayList<>(entries.values());
    String query = exchange.getRequestURI().getQuery();
    int start = query == null ? 0 : Integer.parseInt(query.replaceFirst("cursor=", ""));
    int end = Math.min(all.size(), start + PAGE);
    if (end < all.size()) {
      exchange
          .getResponseHeaders()
          .set(
              "Link",
              "<%s%s?cursor=%d>; rel=\"next\""
                  .formatted(endpoint(), exchange.getRequestURI().getRawPath(), end));
    }
    json(exchange, "[" + String.join(",", all.subList(start, end)) + "]");
  }

  private String entry(String path, byte[] content) {
    String blob = blob(content);
    if (content.length < LARGE) {
      return "{\"type\":\"file\",\"oid\":\"%s\",\"size\":%d,\"path\":\"%s\"}"
          .formatted(blob, content.length, path);
    }
    return "{\"type\":\"file\",\"oid\":\"%s\",\"size\":%d,\"lfs\":{\"oid\":\"%s\",\"size\":%d,\"pointerSize\":130},\"path\":\"%s\"}"
        .formatted(blob, content.length, hex("SHA-256", content), content.length, path);
  }

  private void resolve(HttpExchange exchange, byte @Nullable [] content) throws IOException {
    if (content == null) {
      refuse(exchange, 404, "EntryNotFound");
    } else if (content.length < LARGE) {
      exchange.getResponseHeaders().set("ETag", '"' + blob(content) + '"');
      send(exchange, content);
    } else {
      String digest = hex("SHA-256", content);
      stored.putIfAbsent(digest, content);
      String place =
          largeElsewhere == null
              ? "http://localhost:" + store.getAddress().getPort()
              : largeElsewhere;
      exchange.getResponseHeaders().set("X-Linked-Etag", '"' + digest + '"');
      exchange.getResponseHeaders().set("Location", place + "/" + digest + "?signature=s");
      exchange.sendResponseHeaders(302, -1);
      exchange.close();
    }
  }

  private void answerStore(HttpExchange exchange) throws IOException {
    note("store", exchange);
    byte[] content = stored.get(exchange.getRequestURI().getPath().substring(1));
    if (content == null) {
      refuse(exchange, 404, null);
    } else {
      send(exchange, content);
    }
  }

  private void send(HttpExchange exchange, byte[] content) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    int start =
        range == null || !ranges ? 0 : Integer.parseInt(range.replaceAll("bytes=([0-9]+)-", "$1"));
    if (start > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range",
              "bytes %d-%d/%d".formatted(start, content.length - 1, content.length));
    }
    int length = content.length - start;
    exchange.sendResponseHeaders(start > 0 ? 206 : 200, length == 0 ? -1 : length);
    boolean cut = content.length >= LARGE && cuts.getAndUpdate(n -> Math.max(0, n - 1)) > 0;
    OutputStream out = exchange.getResponseBody();
    out.write(content, start, cut ? length / 2 : length);
    out.flush();
    if (cut) {
      // A client may forget what it has not read yet of a connection that breaks.
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
      // Closing before all was written breaks the connection.
      exchange.close();
    } else {
      out.close();
    }
  }

  private static void json(HttpExchange exchange, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private static void refuse(HttpExchange exchange, int status, @Nullable String code)
      throws IOException {
    if (code != null) {
      exchange.getResponseHeaders().set("X-Error-Code", code);
    }
    exchange.sendResponseHeaders(status, -1);
    exchange.close();
  }

  private static String blob(byte[] content) {
    byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.UTF_8);
    byte[] whole = new byte[head.length + content.length];
    System.arraycopy(head, 0, whole, 0, head.length);
    System.arraycopy(content, 0, whole, head.length, content.length);
    return hex("SHA-1", whole);
  }

  private static String hex(String algorithm, byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    hub.stop(0);
    store.stop(0);
    threads.shutdownNow();
  }
}
