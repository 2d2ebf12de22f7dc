package dev.finetune.trainer.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.finetune.trainer.failure.InvalidConfiguration;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CaBundleTest {
  private static final char[] PASSWORD = "changeit".toCharArray();

  @TempDir Path folder;
  private HttpsServer server;
  private Path bundle;

  @BeforeEach
  void startWithACertificateOfItsOwn() throws Exception {
    Path keyStore = folder.resolve("server.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "server",
                "-keyalg",
                "EC",
                "-dname",
                "CN=store",
                "-ext",
                "san=ip:127.0.0.1",
                "-storetype",
                "PKCS12",
                "-validity",
                "2",
                "-storepass",
                new String(PASSWORD),
                "-keystore",
                keyStore.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(keytool.waitFor()).isZero();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(keyStore)) {
      keys.load(in, PASSWORD);
    }
    bundle =
        Files.writeString(
            folder.resolve("ca.pem"),
            "-----BEGIN CERTIFICATE-----\n"
                + Base64.getMimeEncoder().encodeToString(keys.getCertificate("server").getEncoded())
                + "\n-----END CERTIFICATE-----\n");
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(context));
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(404, -1);
          exchange.close();
        });
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  @Test
  void trustsTheCertificatesOfTheBundle() {
    try (ObjectStore store = S3Store.open("bucket", "p", settings(bundle))) {
      assertThat(store.head("k")).isEmpty();
    }
  }

  @Test
  void namesTheBundleIfTheCertificateIsNotTrusted() {
    try (ObjectStore store = S3Store.open("bucket", "p", settings(null))) {
      assertThatThrownBy(() -> store.retrying(Retry.standard()).head("k"))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.storage.caBundleRef: cannot look up s3://bucket/p/k");
    }
  }

  @Test
  void refusesABundleThatIsNone() throws Exception {
    Path text = Files.writeString(folder.resolve("text"), "no certificate");
    for (Path path : new Path[] {text, folder.resolve("missing")}) {
      assertThatThrownBy(() -> S3Store.open("bucket", "p", settings(path)))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.storage.caBundleRef: must be a PEM file");
    }
  }

  private StorageSettings settings(@Nullable Path caBundle) {
    return new StorageSettings(
        URI.create("https://127.0.0.1:" + server.getAddress().getPort()),
        "us-east-1",
        true,
        caBundle,
        new StorageSettings.Credentials("a", "b"));
  }
}
