package dev.finetune.trainer.source;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One bucket, {@code models}, of an S3 server that notes every request and may cut its answers off.
 */
public final class CountingServer implements AutoCloseable {
  private static final String BUCKET = "/models";

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final SortedMap<String, byte[]> objects = new ConcurrentSkipListMap<>();
  private final List<String> requests = new CopyOnWriteArrayList<>();
  private final AtomicInteger cuts = new AtomicInteger();

  private CountingServer(HttpServer server) {
    this.server = server;
  }

  /** Starts it. */
  public static CountingServer start() throws IOException {
    HttpServer http =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    CountingServer server = new CountingServer(http);
    http.createContext("/", server::answer);
    http.setExecutor(server.threads);
    http.start();
    return server;
  }

  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Puts an object there; its ETag is made of its length and its hash. */
  public void put(String key, byte[] content) {
    objects.put(key, content.clone());
  }

  void put(String key, String content) {
    put(key, content.getBytes(StandardCharsets.UTF_8));
  }

  /** Returns the requests so far, as method and path, and forgets them. */
  public List<String> takeRequests() {
    List<String> taken = List.copyOf(requests);
    requests.clear();
    return taken;
  }

  /** Cuts the next answers with an object's bytes in the middle. */
  void cut(int answers) {
    cuts.set(answers);
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    requests.add(exchange.getRequestMethod() + " " + path);
    byte[] object = objects.get(path.replaceFirst("^" + BUCKET + "/?", ""));
    if (object != null) {
      answer(exchange, object);
    } else if (exchange.getRequestURI().getQuery() != null) {
      answerListing(exchange);
    } else {
      exchange.sendResponseHeaders(404, -1);
      exchange.close();
    }
  }

  private void answer(HttpExchange exchange, byte[] object) throws IOException {
    exchange.getResponseHeaders().set("ETag", etag(object));
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(object.length));
      exchange.sendResponseHeaders(200, -1);
      exchange.close();
      return;
    }
    exchange.sendResponseHeaders(200, object.length == 0 ? -1 : object.length);
    boolean cut = cuts.getAndUpdate(n -> Math.max(0, n - 1)) > 0;
    OutputStream out = exchange.getResponseBody();
    out.write(object, 0, cut ? object.length / 2 : object.length);
    out.flush();
    if (cut) {
      // Closing before all was written breaks the connection.
      exchange.close();
    } else {
      out.close();
    }
  }

  private void answerListing(HttpExchange exchange) throws IOException {
    String prefix =
        exchange.getRequestURI().getQuery().replaceFirst("(?s)^.*prefix=([^&]*).*", "$1");
    StringBuilder xml = new StringBuilder("<ListBucketResult><IsTruncated>false</IsTruncated>");
    objects.forEach(
        (key, object) -> {
          if (key.startsWith(prefix)) {
            xml.append(
                "<Contents><Key>%s</Key><Size>%d</Size><ETag>%s</ETag></Contents>"
                    .formatted(key, object.length, etag(object).replace("\"", "&quot;")));
          }
        });
    byte[] answer = xml.append("</ListBucketResult>").toString().getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/xml");
    exchange.sendResponseHeaders(200, answer.length);
    exchange.getResponseBody().write(answer);
    exchange.close();
  }

  private static String etag(byte[] object) {
    return "\"" + object.length + "-" + Integer.toHexString(Arrays.hashCode(object)) + "\"";
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
