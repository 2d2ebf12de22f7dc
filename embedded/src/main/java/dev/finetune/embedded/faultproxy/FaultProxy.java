package dev.finetune.embedded.faultproxy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * A proxy on 127.0.0.1 in front of an HTTP/1.1 server. It passes requests on unless a rule says
 * otherwise, and keeps a record of all:
 *
 * <pre>{@code
 * try (FaultProxy proxy = FaultProxy.before(store.endpoint())) {
 *   proxy.add(RequestMatch.all().method("PUT").times(3), Fault.slowDown());
 *   Hold hold = proxy.hold(RequestMatch.all().method("PUT").key(".*head.json"), Moment.AFTER);
 *   ... start a client of proxy.endpoint() ...
 *   hold.await(Duration.ofMinutes(1));  // the head is written, and the client does not know it
 *   client.destroyForcibly();
 * }
 * }</pre>
 *
 * <p>The first rule that takes a request counts. Requests keep their {@code Host} header, so that
 * signatures hold. It may be used by several threads.
 */
public final class FaultProxy implements AutoCloseable {
  private final URI upstream;
  private final ServerSocket listener;
  private final List<FaultRule> rules = new CopyOnWriteArrayList<>();
  private final List<Exchange> exchanges = Collections.synchronizedList(new ArrayList<>());
  private final Set<Socket> connections = ConcurrentHashMap.newKeySet();
  private final CountDownLatch closed = new CountDownLatch(1);

  private FaultProxy(URI upstream, ServerSocket listener) {
    this.upstream = upstream;
    this.listener = listener;
  }

  /**
   * Starts a proxy on a free port.
   *
   * @param upstream {@code http://host:port} of the server
   * @throws IOException if no port is free
   */
  public static FaultProxy before(URI upstream) throws IOException {
    if (!"http".equals(upstream.getScheme()) || upstream.getPort() < 0) {
      throw new IllegalArgumentException("upstream: must be http://host:port, was " + upstream);
    }
    FaultProxy proxy =
        new FaultProxy(upstream, new ServerSocket(0, 50, InetAddress.getLoopbackAddress()));
    Thread.ofVirtual().name("fault-proxy").start(proxy::accept);
    return proxy;
  }

  /** Returns the URL for clients. */
  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + listener.getLocalPort());
  }

  /** Adds a rule after those that are there. */
  public FaultRule add(RequestMatch match, Fault fault) {
    FaultRule rule = new FaultRule(match, fault);
    rules.add(rule);
    return rule;
  }

  /**
   * Keeps the first request that matches: before the server sees it, or when the server has
   * answered. Others of its kind pass.
   */
  public Hold hold(RequestMatch match, Moment moment) {
    Hold hold = new Hold(moment);
    add(match.times(1), new Fault.Keep(hold));
    return hold;
  }

  /** Takes a rule away; a request that it has taken goes its way. */
  public void remove(FaultRule rule) {
    rules.remove(rule);
  }

  /** Takes all rules away and lets go what is kept. */
  public void clear() {
    List<FaultRule> before = List.copyOf(rules);
    rules.removeAll(before);
    for (FaultRule rule : before) {
      if (rule.fault() instanceof Fault.Keep(Hold hold)) {
        hold.release();
      }
    }
  }

  /** Returns all requests so far, in the order in which they were done with. */
  public List<Exchange> exchanges() {
    synchronized (exchanges) {
      return List.copyOf(exchanges);
    }
  }

  /** Returns how many requests met a fault so far. */
  public long faults() {
    return exchanges().stream().filter(exchange -> exchange.fault() != null).count();
  }

  @Override
  public void close() throws IOException {
    closed.countDown();
    clear();
    listener.close();
    for (Socket connection : connections) {
      connection.close();
    }
  }

  private void accept() {
    while (closed.getCount() > 0) {
      try {
        Socket client = listener.accept();
        connections.add(client);
        Thread.ofVirtual().name("fault-proxy-connection").start(() -> serve(client));
      } catch (IOException e) {
        if (closed.getCount() > 0) {
          throw new IllegalStateException("fault proxy cannot accept connections", e);
        }
      }
    }
  }

  private void serve(Socket client) {
    try (ProxyConnection connection = new ProxyConnection(this, client)) {
      connection.serve();
    } catch (IOException e) {
      // Clients and servers that go away are what a proxy of faults is for.
      System.getLogger(FaultProxy.class.getName())
          .log(System.Logger.Level.DEBUG, "connection ended: {0}", e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      connections.remove(client);
    }
  }

  /** Waits until this proxy is closed. */
  void awaitClose() throws InterruptedException {
    closed.await();
  }

  Socket connectUpstream() throws IOException {
    Socket server = new Socket(upstream.getHost(), upstream.getPort());
    server.setTcpNoDelay(true);
    return server;
  }

  @Nullable Fault faultFor(ProxiedRequest request) {
    for (FaultRule rule : rules) {
      if (rule.takes(request)) {
        return rule.fault();
      }
    }
    return null;
  }

  void record(ProxiedRequest request, @Nullable Fault fault, int status) {
    exchanges.add(new Exchange(Instant.now(), request, fault, status));
  }
}
