package dev.finetune.trainer.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.S3Store;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SourcesTest {
  @TempDir static Path served;
  private static EmbeddedObjectStore server;

  @TempDir Path folder;
  private final List<String> notices = new ArrayList<>();
  private Sources sources;

  @BeforeAll
  static void start() throws IOException {
    server = EmbeddedObjectStore.start(ObjectStoreOptions.in(served));
    server.createBucket("models");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @BeforeEach
  void open() {
    sources = new Sources(cache(), Map.of(), notices::add);
  }

  @AfterEach
  void close() {
    sources.close();
    assertThat(notices).isEmpty();
  }

  @Test
  void readsALocalFileInPlace() throws IOException {
    Path file = Files.writeString(folder.resolve("train.jsonl"), "{}\n");
    Source source = fetch("spec.dataset.train", "file:" + file);
    assertThat(source.path()).isEqualTo(file);
    assertThat(source.identity())
        .isEqualTo(
            new SourceIdentity(
                "file:" + file,
                "sha256:ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356",
                3,
                "sha256:ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"));
  }

  @Test
  void takesARelativePathFromTheWorkingFolder() {
    Source source = fetch("spec.model.uri", "file:pom.xml");
    assertThat(source.path()).isEqualTo(Path.of("pom.xml").toAbsolutePath());
  }

  @Test
  void theDigestOfAFolderIsOverTheFilesThatMatter() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{}");
    Files.writeString(model.resolve("model.safetensors"), "weights");
    String uri = "file:" + model;
    SourceIdentity before = fetch("spec.model.uri", uri).identity();
    assertThat(before.bytes()).isEqualTo(9);

    Files.writeString(model.resolve("README.md"), "not read");
    Files.writeString(model.resolve("pytorch_model.bin"), "not read");
    Files.writeString(model.resolve(".hidden.json"), "not read");
    assertThat(fetch("spec.model.uri", uri).identity()).isEqualTo(before);

    Files.writeString(model.resolve("model.safetensors"), "Weights");
    assertThat(fetch("spec.model.uri", uri).identity().digest()).isNotEqualTo(before.digest());
  }

  @Test
  void namesAMissingFile() {
    assertThatThrownBy(() -> fetch("spec.dataset.train", "file:" + folder + "/no.jsonl"))
        .isInstanceOf(UnreadableData.class)
        .hasMessage("spec.dataset.train: no such file or folder: " + folder + "/no.jsonl");
  }

  @Test
  void refusesAFolderWithNothingToRead() {
    assertThatThrownBy(() -> fetch("spec.model.uri", "file:" + folder))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("must hold model or data files");
  }

  @Test
  void downloadsAnObjectOnceForEachEtag() throws IOException {
    put("data/train.jsonl", "first");
    Source first = fetch("spec.dataset.train", "s3://models/data/train.jsonl");
    assertThat(first.path()).hasContent("first").hasFileName("train.jsonl");
    assertThat(first.identity().digest()).startsWith("etag:");
    Source again = fetch("spec.dataset.train", "s3://models/data/train.jsonl");
    assertThat(again.identity()).isEqualTo(first.identity());
    assertThat(again.path()).matches(path -> isSame(path, first.path()), "the same file");

    put("data/train.jsonl", "second");
    Source second = fetch("spec.dataset.train", "s3://models/data/train.jsonl");
    assertThat(second.path()).hasContent("second");
    assertThat(first.path()).hasContent("first");
    assertThat(second.identity().digest()).isNotEqualTo(first.identity().digest());
  }

  @Test
  void downloadsTheFilesOfAFolderThatMatter() {
    put("llama/config.json", "{}");
    put("llama/model.safetensors", "weights");
    put("llama/sub/tokenizer.json", "{ }");
    put("llama/pytorch_model.bin", "not read");
    put("llama-other/config.json", "{}");
    Source source = fetch("spec.model.uri", "s3://models/llama");
    assertThat(source.path().resolve("model.safetensors")).hasContent("weights");
    assertThat(source.path().resolve("sub/tokenizer.json")).exists();
    assertThat(source.path().resolve("pytorch_model.bin")).doesNotExist();
    assertThat(source.identity().bytes()).isEqualTo(12);
    assertThat(fetch("spec.model.uri", "s3://models/llama/").path())
        .isDirectoryContaining("glob:**/config.json");
  }

  @Test
  void leavesNothingHalfDownloaded() {
    assertThatThrownBy(() -> fetch("spec.model.uri", "s3://models/none"))
        .isInstanceOf(UnreadableData.class)
        .hasMessage("spec.model.uri: no such object or folder: s3://models/none");
    put("ok/config.json", "{}");
    fetch("spec.model.uri", "s3://models/ok");
    assertThat(cache().resolve("partial")).isEmptyDirectory();
  }

  @Test
  void findsClaimsWhereThePodHasThem() throws IOException {
    Path file =
        Files.writeString(
            Files.createDirectories(folder.resolve("pvc/claim/models")).resolve("m.gguf"), "GGUF");
    Map<String, String> pod = Map.of("FINETUNE_PVC_ROOT", folder.resolve("pvc").toString());
    try (Sources inAPod = new Sources(cache(), pod, notices::add)) {
      Source source = inAPod.fetch("spec.model.uri", "pvc://claim/models/m.gguf", settings());
      assertThat(source.path()).isEqualTo(file);
      assertThatThrownBy(
              () -> inAPod.fetch("spec.model.uri", "pvc://claim/../../etc/passwd", settings()))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.model.uri: must be pvc://claim/path");
    }
  }

  @Test
  void saysThatClaimsNeedACluster() {
    assertThatThrownBy(() -> fetch("spec.model.uri", "pvc://claim/m.gguf"))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("spec.model.uri: pvc: works in a cluster only");
  }

  @ParameterizedTest
  @ValueSource(strings = {"hf://a/b", "/etc/passwd", "http://host/x", "s3://models/../x", "file:"})
  void refusesOtherUris(String uri) {
    assertThatThrownBy(() -> fetch("spec.model.uri", uri))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.model.uri: must ");
  }

  @Test
  void namesTheSecretIfItIsWrong() {
    StorageSettings wrong =
        StorageSettings.at(URI.create(server.endpoint().toString()), server.accessKey(), "wrong");
    assertThatThrownBy(() -> sources.fetch("spec.model.uri", "s3://models/llama", wrong))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.storage.secretRef: ");
  }

  @Test
  void refusesABucketWhoseNamesLeaveTheFolder() throws IOException {
    HttpServer hostile =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    hostile.createContext("/", SourcesTest::listAPathThatClimbs);
    hostile.start();
    try {
      URI endpoint = URI.create("http://127.0.0.1:" + hostile.getAddress().getPort());
      StorageSettings settings = StorageSettings.at(endpoint, "a", "b");
      assertThatThrownBy(() -> sources.fetch("spec.model.uri", "s3://models/llama/", settings))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("holds a name that is no path: ../../evil.json");
    } finally {
      hostile.stop(0);
    }
  }

  private static void listAPathThatClimbs(HttpExchange exchange) throws IOException {
    byte[] answer =
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult><IsTruncated>false</IsTruncated><Contents>
        <Key>llama/../../evil.json</Key><Size>2</Size><ETag>"e"</ETag>
        </Contents></ListBucketResult>
        """
            .strip()
            .getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/xml");
    exchange.sendResponseHeaders(200, answer.length);
    exchange.getResponseBody().write(answer);
    exchange.close();
  }

  private Path cache() {
    return folder.resolve("cache");
  }

  private Source fetch(String field, String uri) {
    return sources.fetch(field, uri, settings());
  }

  private static boolean isSame(Path one, Path other) {
    try {
      return Files.isSameFile(one, other);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static StorageSettings settings() {
    return StorageSettings.at(server.endpoint(), server.accessKey(), server.secretKey());
  }

  private static void put(String key, String content) {
    try (ObjectStore store = S3Store.open("models", "", settings())) {
      store.put(key, content.getBytes(StandardCharsets.UTF_8));
    }
  }
}
