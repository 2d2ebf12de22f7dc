package dev.finetune.embedded.objectstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ObjectStoreServerTest {
  private static final Map<String, String> KEYS =
      Map.of("AWS_ACCESS_KEY_ID", "key", "AWS_SECRET_ACCESS_KEY", "secret");

  @TempDir Path folder;

  @Test
  void printsTheUrlAtWhichItAnswersAndHasTheBuckets() throws Exception {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    String[] arguments = {"--folder", folder.toString(), "--bucket", "one", "--bucket", "two"};
    try (EmbeddedObjectStore store =
            ObjectStoreServer.start(
                arguments, KEYS, new PrintStream(printed, true, StandardCharsets.UTF_8));
        HttpClient client = HttpClient.newHttpClient()) {
      URI url = URI.create(printed.toString(StandardCharsets.UTF_8).strip());
      HttpResponse<String> unsigned =
          client.send(
              HttpRequest.newBuilder(url.resolve("/one/key"))
                  .PUT(HttpRequest.BodyPublishers.ofString("text"))
                  .build(),
              HttpResponse.BodyHandlers.ofString());

      assertThat(unsigned.statusCode()).isEqualTo(403);
      assertThat(url.getPort()).isEqualTo(store.port());
      assertThat(folder.resolve("one")).isDirectory();
      assertThat(folder.resolve("two")).isDirectory();
    }
  }

  @Test
  void namesTheArgumentThatIsWrong() {
    assertRefused(KEYS, "--folder: must be given");
    assertRefused(KEYS, "--folder: has no value", "--folder");
    assertRefused(KEYS, "--port: must be a number, was x", "--folder", "f", "--port", "x");
    assertRefused(KEYS, "expected --folder, --host, --port or --bucket, found --x", "--x", "1");
    assertRefused(
        Map.of("AWS_ACCESS_KEY_ID", "key"),
        "AWS_SECRET_ACCESS_KEY: must be set in the environment",
        "--folder",
        folder.toString());
  }

  @Test
  void freesThePortWhenABucketsNameIsRefused() throws IOException {
    int port;
    try (EmbeddedObjectStore store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder))) {
      port = store.port();
    }
    String number = Integer.toString(port);
    assertRefused(
        KEYS,
        "bucket: must be 3 to 63 lower-case letters, digits, dots and dashes, was: X",
        "--folder",
        folder.toString(),
        "--port",
        number,
        "--bucket",
        "X");
    ObjectStoreServer.start(
            new String[] {"--folder", folder.toString(), "--port", number}, KEYS, System.out)
        .close();
  }

  private static void assertRefused(
      Map<String, String> environment, String message, String... arguments) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ObjectStoreServer.start(arguments, environment, System.out).close())
        .withMessage(message);
  }
}
