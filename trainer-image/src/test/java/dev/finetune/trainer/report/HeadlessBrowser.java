package dev.finetune.trainer.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A Chromium without a window, driven by its own protocol. No name of a host resolves in it.
 *
 * @see <a href="https://chromedevtools.github.io/devtools-protocol/">Chrome DevTools Protocol</a>
 */
public final class HeadlessBrowser implements AutoCloseable {
  private static final List<String> NAMES =
      List.of(
          "chromium-headless-shell",
          "chrome-headless-shell",
          "chromium",
          "chromium-browser",
          "google-chrome");
  private static final String LISTENING = "DevTools listening on ";
  private static final long SECONDS = 60;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Process process;
  private final WebSocket socket;
  private final Answers answers;
  private String session = "";
  private int lastId;

  /** What the browser sends: answers by id, and events. */
  private static final class Answers implements WebSocket.Listener {
    private final Map<Integer, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
    private final List<JsonNode> events = Collections.synchronizedList(new ArrayList<>());
    private final StringBuilder partial = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean last) {
      partial.append(data);
      if (last) {
        accept(partial.toString());
        partial.setLength(0);
      }
      webSocket.request(1);
      return null;
    }

    private void accept(String text) {
      JsonNode message;
      try {
        message = JSON.readTree(text);
      } catch (IOException e) {
        throw new IllegalStateException("not JSON: " + text, e);
      }
      if (message.has("id")) {
        waiting.remove(message.path("id").asInt()).complete(message);
      } else {
        events.add(message);
      }
    }
  }

  private HeadlessBrowser(Process process, WebSocket socket, Answers answers) {
    this.process = process;
    this.socket = socket;
    this.answers = answers;
  }

  /** Returns the browser of this machine, if there is one on the path or named by a property. */
  public static Optional<Path> find() {
    String named = System.getProperty("finetune.browser");
    if (named != null) {
      return Optional.of(Path.of(named));
    }
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return NAMES.stream()
        .flatMap(name -> Stream.of(path.split(File.pathSeparator)).map(f -> Path.of(f, name)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /**
   * Starts a browser.
   *
   * @param profile folder for what it keeps
   */
  public static HeadlessBrowser start(Path executable, Path profile) throws Exception {
    // Root in a container has no sandbox; the pages are our own.
    Process process =
        new ProcessBuilder(
                executable.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      Answers answers = new Answers();
      WebSocket socket =
          HttpClient.newHttpClient()
              .newWebSocketBuilder()
              .buildAsync(URI.create(address(process)), answers)
              .get(SECONDS, TimeUnit.SECONDS);
      HeadlessBrowser browser = new HeadlessBrowser(process, socket, answers);
      browser.attach();
      return browser;
    } catch (Exception e) {
      end(process);
      throw e;
    }
  }

  private static String address(Process process) throws IOException {
    BufferedReader lines = process.errorReader(StandardCharsets.UTF_8);
    StringBuilder said = new StringBuilder();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.startsWith(LISTENING)) {
        // What it says from here on must be taken off its hands, or it stops.
        Thread.ofPlatform().daemon().start(() -> lines.lines().forEach(ignored -> {}));
        return line.substring(LISTENING.length()).strip();
      }
      said.append(line).append('\n');
    }
    throw new IOException("the browser did not start: " + said);
  }

  private void attach() throws Exception {
    JsonNode target = send("Target.createTarget", "url", "about:blank");
    session =
        send("Target.attachToTarget", "targetId", target.path("targetId").asText(), "flatten", true)
            .path("sessionId")
            .asText();
    for (String domain : List.of("Page", "Network", "Log", "Runtime", "Accessibility")) {
      send(domain + ".enable");
    }
  }

  /**
   * Sends a command and returns its result.
   *
   * @param parameters names and values, in turn
   */
  public JsonNode send(String method, Object... parameters) throws Exception {
    ObjectNode message = JSON.createObjectNode().put("id", ++lastId).put("method", method);
    if (!session.isEmpty()) {
      message.put("sessionId", session);
    }
    ObjectNode values = message.putObject("params");
    for (int i = 0; i < parameters.length; i += 2) {
      values.set((String) parameters[i], JSON.valueToTree(parameters[i + 1]));
    }
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    answers.waiting.put(lastId, answer);
    socket.sendText(message.toString(), true).get(SECONDS, TimeUnit.SECONDS);
    JsonNode received = answer.get(SECONDS, TimeUnit.SECONDS);
    if (received.has("error")) {
      throw new IllegalStateException(method + ": " + received.path("error"));
    }
    return received.path("result");
  }

  /** Opens a page in a window of this size and returns once it has loaded. */
  public void open(Path page, int width, int height, boolean dark) throws Exception {
    answers.events.clear();
    send(
        "Emulation.setDeviceMetricsOverride",
        "width",
        width,
        "height",
        height,
        "deviceScaleFactor",
        1,
        "mobile",
        width < 600);
    send(
        "Emulation.setEmulatedMedia",
        "features",
        List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light")));
    send("Page.navigate", "url", page.toUri().toString());
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    while (events("Page.loadEventFired").isEmpty()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(page + ": was not loaded in " + SECONDS + " s");
      }
      Thread.sleep(5);
    }
  }

  /** Returns what was told of this kind since the page was opened. */
  public List<JsonNode> events(String method) {
    synchronized (answers.events) {
      return answers.events.stream()
          .filter(event -> event.path("method").asText().equals(method))
          .map(event -> event.path("params"))
          .toList();
    }
  }

  /** Returns the value of an expression in the page. */
  public JsonNode evaluate(String expression) throws Exception {
    JsonNode result = send("Runtime.evaluate", "expression", expression, "returnByValue", true);
    if (result.has("exceptionDetails")) {
      throw new IllegalStateException(expression + ": " + result.path("exceptionDetails"));
    }
    return result.path("result").path("value");
  }

  /** Writes a picture of the whole page. */
  public void picture(Path file) throws Exception {
    byte[] png =
        Base64.getDecoder()
            .decode(
                send("Page.captureScreenshot", "captureBeyondViewport", true)
                    .path("data")
                    .asText());
    Files.createDirectories(file.getParent());
    Files.write(file, png);
  }

  @Override
  public void close() {
    socket.abort();
    end(process);
  }

  /** Ends a browser with its children: Debian's command is a shell script that waits for it. */
  private static void end(Process process) {
    List<ProcessHandle> children = process.descendants().toList();
    children.forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
    children.forEach(child -> child.onExit().orTimeout(10, TimeUnit.SECONDS).join());
  }
}
