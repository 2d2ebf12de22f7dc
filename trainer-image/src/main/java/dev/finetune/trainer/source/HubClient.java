package dev.finetune.trainer.source;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.StallGuard;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes requests to the Hub, and again after failures of the world. The token goes to the Hub's own
 * server alone: large files are redirected to others.
 */
final class HubClient implements AutoCloseable {
  private static final int MOST_REDIRECTS = 5;
  private static final Duration CONNECT = Duration.ofSeconds(30);

  private final URI endpoint;
  private final @Nullable String token;
  private final StallGuard guard;
  private final Retry retry;
  private final HttpClient http;

  HubClient(URI endpoint, @Nullable String token, StorageSettings settings) {
    this.endpoint = endpoint;
    this.token = token;
    this.guard = new StallGuard(settings.silence());
    this.retry = settings.retry();
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(CONNECT)
            .build();
  }

  /** Reads an answer, whose body closes after it. */
  interface Reader<T> {
    T read(HttpResponse<InputStream> response) throws IOException;
  }

  Retry retry() {
    return retry;
  }

  /** Makes a request until it succeeds, and reads the answer. */
  <T> T get(String field, HubLocation location, URI uri, Reader<T> reader) {
    return retry.call(
        "read " + location, () -> once(field, location, uri, Map.of(), (r, _) -> reader.read(r)));
  }

  /** Reads an answer and says how much of it came. */
  interface CountedReader<T> {
    T read(HttpResponse<InputStream> response, StallGuard.Activity activity) throws IOException;
  }

  /**
   * Makes a request once, following redirects.
   *
   * @param headers further ones
   * @throws StorageUnreachable if it may succeed later
   */
  <T> T once(
      String field,
      HubLocation location,
      URI uri,
      Map<String, String> headers,
      CountedReader<T> reader) {
    return guard.call(
        "read " + location,
        activity -> {
          HttpResponse<InputStream> response = followed(location, uri, headers);
          try (InputStream _ = response.body()) {
            requireSuccess(field, location, response);
            return reader.read(response, activity);
          } catch (IOException e) {
            throw Hub.unreachable(response.uri(), e);
          }
        });
  }

  private HttpResponse<InputStream> followed(
      HubLocation location, URI uri, Map<String, String> headers) {
    URI at = uri;
    for (int i = 0; i <= MOST_REDIRECTS; i++) {
      HttpResponse<InputStream> response = sent(at, headers);
      if (response.statusCode() / 100 != 3) {
        return response;
      }
      closeQuietly(response);
      at = target(location, response);
    }
    throw new UnreadableData(
        location + ": the Hub redirects more than " + MOST_REDIRECTS + " times");
  }

  private static URI target(HubLocation location, HttpResponse<InputStream> response) {
    String target = response.headers().firstValue("Location").orElse("");
    try {
      URI to = response.uri().resolve(target);
      boolean safe =
          "https".equals(to.getScheme())
              || ("http".equals(to.getScheme()) && "http".equals(response.uri().getScheme()));
      if (!target.isEmpty() && safe && to.getHost() != null) {
        return to;
      }
    } catch (IllegalArgumentException e) {
      throw new UnreadableData(location + ": the Hub redirects to what is no URL", e);
    }
    throw new UnreadableData(
        location + ": the Hub redirects to what is no https:// URL; nothing was read from there");
  }

  private HttpResponse<InputStream> sent(URI uri, Map<String, String> headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri).header("User-Agent", "finetune-trainer").GET();
    headers.forEach(request::header);
    if (token != null && sameServer(uri, endpoint)) {
      request.header("Authorization", "Bearer " + token);
    }
    try {
      return http.send(request.build(), BodyHandlers.ofInputStream());
    } catch (IOException e) {
      throw Hub.unreachable(uri, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StorageUnreachable("cannot read from " + uri.getHost() + ": interrupted", e);
    }
  }

  /** Returns whether two URLs are of one server, so that one may see what the other may. */
  static boolean sameServer(URI a, URI b) {
    return a.getHost() != null
        && a.getHost().equalsIgnoreCase(b.getHost())
        && a.getPort() == b.getPort()
        && a.getScheme().equalsIgnoreCase(b.getScheme());
  }

  private void requireSuccess(
      String field, HubLocation location, HttpResponse<InputStream> response) {
    int status = response.statusCode();
    if (status == 200 || status == 206) {
      return;
    }
    if (status == 408 || status == 429 || status >= 500) {
      Duration after =
          response
              .headers()
              .firstValue("Retry-After")
              .filter(text -> text.matches("[0-9]{1,6}"))
              .map(text -> Duration.ofSeconds(Long.parseLong(text)))
              .orElse(null);
      throw new StorageUnreachable(
          location + ": " + response.uri().getHost() + " answered " + status,
          new IOException("status " + status),
          after);
    }
    throw refused(field, location, response);
  }

  private TrainingFailure refused(
      String field, HubLocation location, HttpResponse<InputStream> response) {
    int status = response.statusCode();
    String code = response.headers().firstValue("X-Error-Code").orElse("").toLowerCase(Locale.ROOT);
    String with = token == null ? "none is set" : "one is set";
    String place = field + ": " + location + ": ";
    return switch (code) {
      case "gatedrepo" ->
          new InvalidConfiguration(
              place
                  + "the repository is gated; accept its conditions on its page, and set "
                  + Hub.TOKEN_VARIABLE
                  + " to a token of the same account ("
                  + with
                  + ")");
      case "revisionnotfound" ->
          new UnreadableData(place + "there is no such revision; name a branch, tag or commit");
      case "entrynotfound" -> new UnreadableData(place + "there is no such file or folder");
      default ->
          switch (status) {
            case 401, 403 ->
                new InvalidConfiguration(
                    "%sthe Hub answered %d: there is no such repository, or it is not for everyone;"
                            .formatted(place, status)
                        + " check its name, and set "
                        + Hub.TOKEN_VARIABLE
                        + " to a token that may read it ("
                        + with
                        + ")");
            case 404 ->
                new UnreadableData(
                    place + "the Hub answered 404: there is no such repository, file or folder");
            default -> new UnreadableData(place + "the Hub answered " + status);
          };
    };
  }

  private static void closeQuietly(HttpResponse<InputStream> response) {
    try {
      response.body().close();
    } catch (IOException e) {
      System.getLogger(HubClient.class.getName())
          .log(System.Logger.Level.DEBUG, "closing an answer: {0}", e.getMessage());
    }
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
