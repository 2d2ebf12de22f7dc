package dev.finetune.trainer.source;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.storage.ObjectKey;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The interface of the Hugging Face Hub, or of a server that answers as it does: which commit a
 * revision is, and which files it has.
 */
final class Hub implements AutoCloseable {
  /** Variable with the URL of the Hub, as other tools name it. */
  static final String ENDPOINT_VARIABLE = "HF_ENDPOINT";

  /** Variable with the token to read with, as other tools name it. */
  static final String TOKEN_VARIABLE = "HF_TOKEN";

  /** Where the Hub is unless the variable says otherwise. */
  static final String PUBLIC = "https://huggingface.co";

  private static final int MOST_LISTING_BYTES = 16 << 20;
  private static final int MOST_PAGES = 200;
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
  private static final Pattern NEXT = Pattern.compile("<([^>]{1,4000})>\\s*;\\s*rel=\"?next\"?");

  private final URI endpoint;
  private final HubClient client;

  private Hub(URI endpoint, HubClient client) {
    this.endpoint = endpoint;
    this.client = client;
  }

  /**
   * Returns the Hub that the environment names. No request is made yet; the caller closes it.
   *
   * @param settings for how long a request may be silent and be made again
   */
  static Hub of(Map<String, String> environment, StorageSettings settings) {
    String named = environment.get(ENDPOINT_VARIABLE);
    String url = named == null || named.isBlank() ? PUBLIC : named.strip().replaceAll("/+$", "");
    if (!url.matches("https?://[^/?#@\\s]+(/[^?#\\s]*)?")) {
      throw new InvalidConfiguration(
          ENDPOINT_VARIABLE + ": must be an http:// or https:// URL without user or query");
    }
    String token = environment.get(TOKEN_VARIABLE);
    if (token != null && !token.isBlank() && !token.strip().matches("[!-~]{1,1000}")) {
      throw new InvalidConfiguration(TOKEN_VARIABLE + ": must be a token in ASCII without spaces");
    }
    URI endpoint = URI.create(url);
    return new Hub(
        endpoint,
        new HubClient(endpoint, token == null || token.isBlank() ? null : token.strip(), settings));
  }

  URI endpoint() {
    return endpoint;
  }

  HubClient client() {
    return client;
  }

  /** Returns the commit that the revision of a repository is now. */
  String commit(String field, HubLocation location) {
    String revision = location.revision() == null ? "main" : location.revision();
    URI uri = api(location, "/revision/" + URLEncoder.encode(revision, StandardCharsets.UTF_8));
    return client.get(field, location, uri, response -> commit(location, response.body()));
  }

  /** The answer lists all files too, and may be long: only its beginning is read. */
  private static String commit(HubLocation location, InputStream body) throws IOException {
    try (JsonParser parser = JsonFile.rows().createParser(bounded(location, body))) {
      if (parser.nextToken() == JsonToken.START_OBJECT) {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          boolean found = parser.currentName().equals("sha");
          JsonToken value = parser.nextToken();
          if (found && value == JsonToken.VALUE_STRING) {
            String commit = parser.getText();
            if (COMMIT.matcher(commit).matches()) {
              return commit;
            }
            break;
          }
          parser.skipChildren();
        }
      }
    } catch (JsonProcessingException e) {
      throw strange(location, "no JSON", e);
    }
    throw strange(location, "no commit", null);
  }

  /**
   * Returns the files of a folder, without those of folders in it.
   *
   * @param folder path in the repository, or empty
   */
  List<HubFile> list(String field, HubLocation location, String commit, String folder) {
    List<HubFile> files = new ArrayList<>();
    String below = folder.isEmpty() ? "" : "/" + encoded(folder);
    Optional<URI> page = Optional.of(api(location, "/tree/" + commit + below));
    for (int i = 0; page.isPresent(); i++) {
      if (i == MOST_PAGES) {
        throw new UnreadableData(
            field + ": " + location + ": must list a folder on at most " + MOST_PAGES + " pages");
      }
      page =
          client.get(
              field,
              location,
              page.get(),
              response -> {
                add(location, response.body(), files);
                return next(location, response);
              });
    }
    return files;
  }

  private static void add(HubLocation location, InputStream body, List<HubFile> files)
      throws IOException {
    List<HubFile> page = new ArrayList<>();
    JsonNode list = JsonFile.parse(location.toString(), bounded(location, body).readAllBytes());
    for (JsonNode entry : list) {
      if (entry.path("type").asText().equals("file")) {
        page.add(file(location, entry));
      }
    }
    // All or none: a page whose reading failed is asked for again.
    files.addAll(page);
  }

  private static HubFile file(HubLocation location, JsonNode entry) {
    JsonNode large = entry.path("lfs");
    HubFile file =
        new HubFile(
            entry.path("path").asText(),
            (large.isObject() ? large : entry).path("size").asLong(-1),
            entry.path("oid").asText(),
            large.isObject() ? large.path("oid").asText() : null);
    if (!ObjectKey.isValid(file.path()) || !file.sound()) {
      throw strange(location, "a file that cannot be: " + ObjectKey.printable(file.path()), null);
    }
    return file;
  }

  private Optional<URI> next(HubLocation location, HttpResponse<InputStream> response) {
    Matcher next = NEXT.matcher(String.join(",", response.headers().allValues("Link")));
    if (!next.find()) {
      return Optional.empty();
    }
    try {
      URI uri = response.uri().resolve(next.group(1));
      if (HubClient.sameServer(uri, endpoint)) {
        return Optional.of(uri);
      }
    } catch (IllegalArgumentException e) {
      throw strange(location, "a next page that is no URL", e);
    }
    throw strange(location, "a next page elsewhere", null);
  }

  /** Returns where a file is read. */
  URI file(HubLocation location, String commit, HubFile file) {
    return URI.create(
        "%s/%s%s/resolve/%s/%s"
            .formatted(
                endpoint,
                location.kind().files(),
                location.repository(),
                commit,
                encoded(file.path())));
  }

  private URI api(HubLocation location, String rest) {
    return URI.create(
        "%s/api/%s/%s%s".formatted(endpoint, location.kind().api(), location.repository(), rest));
  }

  private static String encoded(String path) {
    StringBuilder encoded = new StringBuilder();
    for (String part : path.split("/", -1)) {
      encoded.append(encoded.isEmpty() ? "" : "/");
      encoded.append(URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20"));
    }
    return encoded.toString();
  }

  private static InputStream bounded(HubLocation location, InputStream body) {
    return new InputStream() {
      private int left = MOST_LISTING_BYTES;

      @Override
      public int read() throws IOException {
        spend(1);
        return body.read();
      }

      @Override
      public int read(byte[] target, int offset, int length) throws IOException {
        int count = body.read(target, offset, length);
        spend(Math.max(0, count));
        return count;
      }

      private void spend(int count) {
        left -= count;
        if (left < 0) {
          throw strange(location, "more than " + MOST_LISTING_BYTES + " bytes", null);
        }
      }
    };
  }

  private static UnreadableData strange(
      HubLocation location, String found, @Nullable Exception cause) {
    String message = location + ": the Hub answered with " + found;
    return cause == null ? new UnreadableData(message) : new UnreadableData(message, cause);
  }

  /** Returns the failure of a connection. */
  static StorageUnreachable unreachable(URI uri, IOException e) {
    String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return new StorageUnreachable("cannot read from " + uri.getHost() + ": " + reason, e);
  }

  @Override
  public void close() {
    client.close();
  }
}
