package dev.finetune.embedded.faultproxy;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** One connection of a client, and the requests on it one after the other. */
final class ProxyConnection implements AutoCloseable {
  private static final int PIECE = 1 << 16;
  private static final long UNTIL_END = Long.MAX_VALUE;

  private final FaultProxy proxy;
  private final Socket client;
  private final InputStream in;
  private final OutputStream out;

  ProxyConnection(FaultProxy proxy, Socket client) throws IOException {
    this.proxy = proxy;
    this.client = client;
    client.setTcpNoDelay(true);
    this.in = new BufferedInputStream(client.getInputStream(), PIECE);
    this.out = client.getOutputStream();
  }

  void serve() throws IOException, InterruptedException {
    for (HttpHead head = HttpHead.read(in); head != null; head = HttpHead.read(in)) {
      if (!serve(head)) {
        return;
      }
    }
  }

  /** Serves a request and returns whether another one may follow on this connection. */
  private boolean serve(HttpHead head) throws IOException, InterruptedException {
    ProxiedRequest request = request(head);
    Fault fault = proxy.faultFor(request);
    return switch (fault) {
      case null -> forward(head, request, null);
      case Fault.Answer answer -> answer(request, answer);
      case Fault.Reset(Moment moment) when moment == Moment.BEFORE -> {
        proxy.record(request, fault, 0);
        yield reset();
      }
      case Fault.CutRequest(long bytes) -> {
        proxy.record(request, fault, 0);
        continueIfAsked(request);
        copy(in, OutputStream.nullOutputStream(), Math.min(bytes, length(request.headers())));
        yield reset();
      }
      case Fault.StopReading(long bytes) -> {
        proxy.record(request, fault, 0);
        continueIfAsked(request);
        copy(in, OutputStream.nullOutputStream(), Math.min(bytes, length(request.headers())));
        yield hang();
      }
      case Fault.Hang(Moment moment) when moment == Moment.BEFORE -> {
        proxy.record(request, fault, 0);
        yield hang();
      }
      case Fault.Delay(Duration duration) -> {
        Thread.sleep(duration);
        yield forward(head, request, fault);
      }
      case Fault.Keep(Hold hold) when hold.moment() == Moment.BEFORE -> {
        hold.keep(request);
        yield forward(head, request, fault);
      }
      case Fault.Reset _,
          Fault.CutAnswer _,
          Fault.Dribble _,
          Fault.Hang _,
          Fault.ShiftDate _,
          Fault.Keep _ ->
          forward(head, request, fault);
    };
  }

  private boolean answer(ProxiedRequest request, Fault.Answer answer) throws IOException {
    // A client that asks first is told at once and does not send its body.
    boolean unread = expectsContinue(request);
    if (!unread) {
      copy(in, OutputStream.nullOutputStream(), length(request.headers()));
    }
    String body =
        answer.code().isEmpty()
            ? ""
            : "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>"
                + answer.code()
                + "</Code><Message>as told to the fault proxy</Message></Error>";
    StringBuilder text = new StringBuilder("HTTP/1.1 " + answer.status() + " Fault\r\n");
    answer.headers().forEach((name, value) -> text.append(name + ": " + value + "\r\n"));
    text.append("Content-Type: application/xml\r\nContent-Length: ").append(body.length());
    text.append(unread ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
    if (!request.method().equals("HEAD")) {
      text.append(body);
    }
    proxy.record(request, answer, answer.status());
    out.write(text.toString().getBytes(StandardCharsets.ISO_8859_1));
    out.flush();
    return !unread;
  }

  /** Passes a request on; what a fault does to the answer is done to it. */
  private boolean forward(HttpHead head, ProxiedRequest request, @Nullable Fault fault)
      throws IOException, InterruptedException {
    try (Socket server = proxy.connectUpstream()) {
      OutputStream toServer = server.getOutputStream();
      toServer.write(head.with(List.of("connection", "expect"), "Connection: close").bytes());
      continueIfAsked(request);
      copy(in, toServer, length(request.headers()));
      toServer.flush();
      InputStream fromServer = new BufferedInputStream(server.getInputStream(), PIECE);
      HttpHead answer = HttpHead.read(fromServer);
      if (answer == null) {
        proxy.record(request, fault, 0);
        return reset();
      }
      int status = Integer.parseInt(answer.first().split(" ")[1]);
      proxy.record(request, fault, status);
      return relay(answer, fromServer, bodyLength(request, answer, status), request, fault);
    }
  }

  private boolean relay(
      HttpHead answer, InputStream body, long length, ProxiedRequest request, @Nullable Fault fault)
      throws IOException, InterruptedException {
    HttpHead head = answer.with(List.of("connection"));
    switch (fault) {
      case Fault.Reset _ -> {
        return reset();
      }
      case Fault.Hang _ -> {
        return hang();
      }
      case Fault.CutAnswer(long bytes) -> {
        out.write(head.bytes());
        copy(body, out, Math.min(bytes, length));
        out.flush();
        return false;
      }
      case Fault.Dribble(int bytes, Duration pause) -> {
        out.write(head.bytes());
        dribble(body, length, bytes, pause);
      }
      case Fault.ShiftDate(Duration by) -> {
        out.write(shifted(head, by).bytes());
        copy(body, out, length);
      }
      case Fault.Keep(Hold hold) when hold.moment() == Moment.AFTER -> {
        hold.keep(request);
        out.write(head.bytes());
        copy(body, out, length);
      }
      case null, default -> {
        out.write(head.bytes());
        copy(body, out, length);
      }
    }
    out.flush();
    return length != UNTIL_END || answer.headers().containsKey("transfer-encoding");
  }

  private void dribble(InputStream body, long length, int piece, Duration pause)
      throws IOException, InterruptedException {
    long left = length;
    byte[] buffer = new byte[piece];
    while (left > 0) {
      int n = body.readNBytes(buffer, 0, (int) Math.min(piece, left));
      if (n == 0) {
        return;
      }
      Thread.sleep(pause);
      out.write(buffer, 0, n);
      out.flush();
      left -= n;
    }
  }

  private static HttpHead shifted(HttpHead head, Duration by) {
    String date = head.headers().get("date");
    ZonedDateTime time =
        date == null
            ? ZonedDateTime.now(java.time.ZoneOffset.UTC)
            : ZonedDateTime.parse(date, DateTimeFormatter.RFC_1123_DATE_TIME);
    return head.with(
        List.of("date"), "Date: " + DateTimeFormatter.RFC_1123_DATE_TIME.format(time.plus(by)));
  }

  private void continueIfAsked(ProxiedRequest request) throws IOException {
    if (expectsContinue(request)) {
      out.write("HTTP/1.1 100 Continue\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1));
      out.flush();
    }
  }

  private boolean reset() throws IOException {
    // With this the system sends RST instead of FIN.
    client.setSoLinger(true, 0);
    client.close();
    return false;
  }

  private boolean hang() throws InterruptedException {
    // Nothing is read, so that a client with much to send is stuck in sending.
    proxy.awaitClose();
    return false;
  }

  private static boolean expectsContinue(ProxiedRequest request) {
    return request.header("expect").equalsIgnoreCase("100-continue");
  }

  /** Bytes of a request's body; the clients at hand send no chunks but those of a fixed length. */
  private static long length(Map<String, String> headers) throws IOException {
    if (headers.containsKey("transfer-encoding")) {
      throw new IOException("requests with a transfer encoding are not supported");
    }
    return Long.parseLong(headers.getOrDefault("content-length", "0"));
  }

  private static long bodyLength(ProxiedRequest request, HttpHead answer, int status) {
    if (request.method().equals("HEAD") || status == 204 || status == 304) {
      return 0;
    }
    String length = answer.headers().get("content-length");
    return length == null ? UNTIL_END : Long.parseLong(length);
  }

  private static void copy(InputStream from, OutputStream to, long bytes) throws IOException {
    byte[] buffer = new byte[PIECE];
    long left = bytes;
    while (left > 0) {
      int n = from.read(buffer, 0, (int) Math.min(buffer.length, left));
      if (n < 0) {
        if (bytes == UNTIL_END) {
          return;
        }
        throw new IOException("a body ended " + left + " bytes too early");
      }
      to.write(buffer, 0, n);
      left -= n;
    }
  }

  private static ProxiedRequest request(HttpHead head) throws IOException {
    String[] parts = head.first().split(" ");
    if (parts.length != 3) {
      throw new IOException("no request line: " + head.first());
    }
    URI uri = URI.create(parts[1]);
    Map<String, String> headers = new TreeMap<>(head.headers());
    headers.remove("authorization");
    String query = uri.getRawQuery();
    return new ProxiedRequest(
        parts[0], uri.getRawPath(), query == null ? "" : query, Map.copyOf(headers));
  }

  @Override
  public void close() throws IOException {
    client.close();
  }
}
