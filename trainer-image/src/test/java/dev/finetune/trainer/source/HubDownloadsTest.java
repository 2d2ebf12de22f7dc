package dev.finetune.trainer.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubDownloadsTest {
  private static final String FIELD = "spec.model.uri";
  private static final String MODEL = "hf://owner/llama-1.5";
  private static final String WEIGHTS = "weights".repeat(20);
  private static final Map<String, String> FILES =
      Map.of(
          "config.json", "{}",
          "model.safetensors", WEIGHTS,
          "tokenizer.json", "{ }",
          "pytorch_model.bin", "a pickle",
          "consolidated.safetensors", WEIGHTS + "again",
          "onnx/model.safetensors", "other",
          "README.md", "# hello");

  @TempDir private Path folder;
  private final List<String> notices = Collections.synchronizedList(new ArrayList<>());
  private final Map<String, String> environment = new HashMap<>();
  private HubServer server;
  private String commit;
  private StorageSettings settings;

  @BeforeEach
  void start() throws IOException {
    server = HubServer.start();
    environment.put(Hub.ENDPOINT_VARIABLE, server.endpoint() + "/");
    settings =
        StorageSettings.at(URI.create("http://127.0.0.1:9"), "a", "b")
            .with(Duration.ofSeconds(20), new Retry(tick(1), tick(2), Duration.ofSeconds(20)));
    commit = server.commit("models/owner/llama-1.5", "main", FILES);
    server.commit(
        "datasets/owner/rows",
        "main",
        Map.of(
            "data/train-1.jsonl", "two",
            "data/train-0.jsonl", "one",
            "data/test.jsonl", "three",
            "data/deeper/train-2.jsonl", "four",
            "a b%.csv", "text\n"));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void bringsTheFilesThatAModelIsReadFromAndNoOther() throws IOException {
    try (Sources sources = sources()) {
      Source source = sources.fetchModel(FIELD, MODEL, null, settings, null);
      assertThat(source.path()).hasFileName("llama-1.5");
      try (Stream<Path> files = Files.walk(source.path())) {
        assertThat(files.filter(Files::isRegularFile).map(file -> source.path().relativize(file)))
            .extracting(Path::toString)
            .containsExactlyInAnyOrder("config.json", "model.safetensors", "tokenizer.json");
      }
      assertThat(source.path().resolve("model.safetensors")).hasContent(WEIGHTS);
      assertThat(source.identity().digest()).isEqualTo("commit:" + commit);
      assertThat(source.identity().bytes()).isEqualTo(WEIGHTS.length() + 5);
      assertThat(source.identity().content()).startsWith("sha256:");
    }
    assertThat(server.takeRequests())
        .noneMatch(request -> request.contains("pickle") || request.contains(".bin"));
  }

  @Test
  void aLaterAttemptReadsTheSameCommitWhateverTheBranchHasBecome() throws IOException {
    SourceIdentity first = identity(null, null);
    server.commit("models/owner/llama-1.5", "main", Map.of("config.json", "{\"a\":1}"));
    server.takeRequests();
    assertThat(identity(null, first)).isEqualTo(first);
    assertThat(server.takeRequests()).as("all of it is in the cache").isEmpty();
    forget();
    assertThat(identity(null, first)).isEqualTo(first);
    assertThat(server.takeRequests()).noneMatch(request -> request.contains("/revision/"));
    assertThat(notices).isEmpty();
  }

  @Test
  void readsTheRevisionThatTheJobOrTheUriNames() throws IOException {
    Map<String, String> other = new HashMap<>(FILES);
    other.put("config.json", "{\"v\":2}");
    String tagged = server.commit("models/owner/llama-1.5", "v2.0", other);
    assertThat(identity("v2.0", null).digest()).isEqualTo("commit:" + tagged);
    assertThat(identity(commit, null).digest()).isEqualTo("commit:" + commit);
    try (Sources sources = sources()) {
      Source source = sources.fetchModel(FIELD, MODEL + "@v2.0", "v2.0", settings, null);
      assertThat(source.path().resolve("config.json")).hasContent("{\"v\":2}");
      assertThatThrownBy(() -> sources.fetchModel(FIELD, MODEL + "@v2.0", "main", settings, null))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessage(FIELD + ": names revision v2.0, but the model's revision is main");
    }
    assertThatThrownBy(() -> identity("v9", null))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("hf://owner/llama-1.5@v9: there is no such revision");
  }

  @Test
  void bringsOneFileOrThoseThatAPatternNames() throws IOException {
    try (Sources sources = sources()) {
      Source one = rows(sources, "hf://datasets/owner/rows@main/data/test.jsonl");
      assertThat(one.path()).hasFileName("test.jsonl").hasContent("three");
      assertThat(one.files()).containsExactly(one.path());
      Source several = rows(sources, "hf://datasets/owner/rows/data/train-*.jsonl");
      assertThat(several.files())
          .extracting(file -> file.getFileName().toString())
          .containsExactly("train-0.jsonl", "train-1.jsonl");
      assertThat(several.files().getFirst()).hasContent("one");
      assertThat(several.identity().content()).isNotEqualTo(one.identity().content());
      Source strange = rows(sources, "hf://datasets/owner/rows/a b%.csv");
      assertThat(strange.path()).hasContent("text\n");
      assertThatThrownBy(() -> rows(sources, "hf://datasets/owner/rows/data/x*.csv"))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("no file matches");
      assertThatThrownBy(() -> rows(sources, "hf://datasets/owner/rows/data/gone.csv"))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("has no file data/gone.csv");
      assertThatThrownBy(() -> rows(sources, "hf://datasets/owner/rows/gone/a.csv"))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("no such file or folder");
    }
  }

  @Test
  void theTokenGoesToTheHubAndToNobodyElse() throws IOException {
    server.requireToken("models/owner/llama-1.5", "hf_secret");
    environment.put(Hub.TOKEN_VARIABLE, "hf_secret");
    identity(null, null);
    List<String> requests = server.takeRequests();
    assertThat(requests).filteredOn(request -> request.startsWith("store")).hasSize(1);
    for (String request : requests) {
      assertThat(request.contains("Bearer hf_secret")).isEqualTo(request.startsWith("hub"));
    }
  }

  @Test
  void saysWhatToDoWhereItMayNotRead() {
    assertThatThrownBy(() -> fetch("hf://owner/none"))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("spec.model.uri: hf://owner/none: the Hub answered 401")
        .hasMessageContaining("set HF_TOKEN to a token that may read it (none is set)");
    server.requireToken("models/owner/llama-1.5", "hf_secret");
    environment.put(Hub.TOKEN_VARIABLE, "hf_wrong");
    assertThatThrownBy(() -> fetch(MODEL))
        .hasMessageContaining("(one is set)")
        .hasMessageNotContaining("hf_wrong");
    environment.put(Hub.TOKEN_VARIABLE, "hf_secret");
    server.gate("models/owner/llama-1.5");
    assertThatThrownBy(() -> fetch(MODEL))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("the repository is gated; accept its conditions on its page");
  }

  @Test
  void goesOnAfterABrokenConnectionWhereItStopped() throws IOException {
    server.cut(3);
    identity(null, null);
    assertThat(server.takeRequests())
        .anyMatch(request -> request.startsWith("store") && request.contains("bytes="));
    assertThat(leftovers()).isEmpty();
  }

  @Test
  void beginsAgainWhereTheServerGivesNoParts() throws IOException {
    server.ignoreRanges();
    server.cut(4);
    SourceIdentity identity = identity(null, null);
    assertThat(identity.content()).isEqualTo(identity(null, null).content());
    assertThat(stored()).contains(WEIGHTS);
  }

  @Test
  void asksAgainWhileTheHubIsBusyAndGivesUpAtTheDeadline() throws IOException {
    server.fail(4);
    identity(null, null);
    forget();
    server.fail(Integer.MAX_VALUE);
    settings = settings.with(settings.silence(), new Retry(tick(1), tick(1), tick(20)));
    assertThatThrownBy(() -> identity(null, null))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("hf://owner/llama-1.5: 127.0.0.1 answered 503");
  }

  @Test
  void refusesBytesThatAreNotThoseThatTheHubLists() throws IOException {
    server.corrupt(WEIGHTS, WEIGHTS.toUpperCase(Locale.ROOT));
    assertThatThrownBy(() -> identity(null, null))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("model.safetensors has other bytes than the Hub lists, twice");
    assertThat(leftovers()).isEmpty();
    assertThat(stored()).doesNotContain(WEIGHTS.toUpperCase(Locale.ROOT));
  }

  @ParameterizedTest
  @ValueSource(strings = {"file:///etc", "ftp://127.0.0.1", "no url%"})
  void followsNoRedirectThatLeadsElsewhereThanToAWebServer(String place) {
    server.redirectTo(place);
    assertThatThrownBy(() -> identity(null, null))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("the Hub redirects to what is no");
  }

  @Test
  void refusesARepositoryThatIsNoModelInSafetensors() {
    server.commit("models/owner/old", "main", Map.of("config.json", "{}", "model.bin", "pickle"));
    assertThatThrownBy(() -> fetch("hf://owner/old"))
        .isInstanceOf(UnreadableData.class)
        .hasMessage(
            "spec.model.uri: hf://owner/old must hold a config.json and weights in .safetensors,"
                + " but has no .safetensors");
    server.commit("models/owner/g", "main", Map.of("a.Q4_0.gguf", "x", "b.gguf", WEIGHTS));
    assertThatThrownBy(() -> fetch("hf://owner/g"))
        .hasMessageContaining("add the name of one of its files, such as hf://owner/g/a.Q4_0.gguf");
    try (Sources sources = sources()) {
      assertThat(sources.fetchModel(FIELD, "hf://owner/g/b.gguf", null, settings, null).path())
          .hasFileName("b.gguf")
          .hasContent(WEIGHTS);
    }
  }

  @Test
  void refusesNamesThatLeadOutOfTheFolder() {
    server.commit(
        "models/owner/evil",
        "main",
        Map.of("config.json", "{}", "..\\\\evil.safetensors", "x", "model.safetensors", "y"));
    assertThatThrownBy(() -> fetch("hf://owner/evil"))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("hf://owner/evil: the Hub answered with a file that cannot be");
  }

  @ParameterizedTest
  @CsvSource({
    "hf://owner, hf://OWNER/NAME",
    "hf://owner/, hf://OWNER/NAME",
    "hf://owner/na me, hf://OWNER/NAME",
    "hf://owner/name@, hf://OWNER/NAME",
    "hf://owner/name@a b, hf://OWNER/NAME",
    "hf://owner/name/../x, hf://OWNER/NAME",
    "hf://../name, hf://OWNER/NAME",
    "hf://datasets/owner/rows/a.csv, hf://OWNER/NAME",
  })
  void refusesUrisOfAnotherForm(String uri, String expected) {
    assertThatThrownBy(() -> fetch(uri))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.model.uri: must be " + expected);
    assertThat(server.takeRequests()).isEmpty();
  }

  @Test
  void namesAModelAsOtherToolsDo() {
    assertThat(ModelName.of("hf://owner/name@v1", null))
        .isEqualTo(new ModelName("owner/name", "v1"));
    assertThat(ModelName.of("hf://owner/name", "v2")).isEqualTo(new ModelName("owner/name", "v2"));
    assertThat(ModelName.of("s3://m/name", "v2")).isEqualTo(new ModelName("s3://m/name", "v2"));
  }

  @Test
  void readsRevisionsOfPullRequestsAndConversions() {
    HubLocation location =
        HubLocation.rows("f", "hf://datasets/owner/rows@refs/convert/parquet/a/0000.parquet");
    assertThat(location.revision()).isEqualTo("refs/convert/parquet");
    assertThat(location.path()).isEqualTo("a/0000.parquet");
    assertThatThrownBy(() -> HubLocation.rows("f", "hf://owner/rows/a.csv"))
        .hasMessage(
            "f: must be hf://datasets/OWNER/NAME/PATH, with @REVISION after the name if need be,"
                + " was hf://owner/rows/a.csv");
    assertThatThrownBy(() -> HubLocation.rows("f", "hf://datasets/owner/rows"))
        .isInstanceOf(InvalidConfiguration.class);
  }

  private Source fetch(String uri) {
    try (Sources sources = sources()) {
      return sources.fetchModel(FIELD, uri, null, settings, null);
    }
  }

  private Source rows(Sources sources, String uri) {
    return sources.fetchRows("spec.dataset.train", uri, settings, null);
  }

  private SourceIdentity identity(@Nullable String revision, @Nullable SourceIdentity expected) {
    try (Sources sources = sources()) {
      return sources.fetchModel(FIELD, MODEL, revision, settings, expected).identity();
    }
  }

  private Sources sources() {
    return new Sources(folder.resolve("cache"), environment, notices::add);
  }

  private static Duration tick(int millis) {
    return Duration.ofMillis(millis);
  }

  /** Removes the files of the cache and keeps what it knows about them. */
  private void forget() throws IOException {
    for (Path file : list("files")) {
      Files.delete(file);
    }
  }

  private List<String> stored() throws IOException {
    List<String> contents = new ArrayList<>();
    for (Path file : list("files")) {
      contents.add(Files.readString(file));
    }
    return contents;
  }

  private List<Path> leftovers() throws IOException {
    List<Path> all = new ArrayList<>(list("partial"));
    all.addAll(list("use"));
    return all;
  }

  private List<Path> list(String name) throws IOException {
    try (Stream<Path> files = Files.walk(folder.resolve("cache").resolve(name))) {
      return files.filter(Files::isRegularFile).toList();
    }
  }
}
