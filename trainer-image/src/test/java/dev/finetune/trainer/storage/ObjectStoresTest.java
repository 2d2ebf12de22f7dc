package dev.finetune.trainer.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ObjectStoresTest {
  private static final StorageSettings SETTINGS =
      StorageSettings.at(URI.create("http://127.0.0.1:1"), "a", "b");

  @TempDir Path folder;

  @Test
  void opensByUri() throws Exception {
    try (ObjectStore s3 = ObjectStores.open("s3://bucket/a/b/", SETTINGS);
        ObjectStore bare = ObjectStores.open("s3://bucket", SETTINGS);
        ObjectStore file = ObjectStores.open("file:" + folder, SETTINGS);
        ObjectStore authority = ObjectStores.open("file://" + folder, SETTINGS)) {
      assertThat(s3.location("k")).isEqualTo("s3://bucket/a/b/k");
      assertThat(bare.location("k")).isEqualTo("s3://bucket/k");
      assertThat(file.location("k")).isEqualTo("file:" + folder.toRealPath() + "/k");
      assertThat(authority.location("k")).isEqualTo(file.location("k"));
    }
  }

  @Test
  void takesARelativePathFromTheWorkingFolder() {
    assertThat(ObjectStores.filePath("f", "file:runs/a")).isEqualTo(Path.of("runs/a"));
    assertThat(ObjectStores.filePath("f", "file:///var/runs")).isEqualTo(Path.of("/var/runs"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"gs://bucket/x", "s3://", "s3:///x", "s3://UPPER/x", "s3://b/../x", "file:", "x"})
  void refusesOtherUris(String uri) {
    assertThatThrownBy(() -> ObjectStores.open(uri, SETTINGS))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.storage.uri: must ")
        .hasMessageContaining(uri);
  }

  @Test
  void aStoreThatIgnoresConditionsIsRefused() {
    try (ObjectStore store = new IgnoresConditions(FileStore.open(folder))) {
      assertThatThrownBy(() -> ConditionalWriteProbe.check(store, "run/", Retry.standard()))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageContaining("must do conditional writes")
          .hasMessageContaining("If-None-Match on an object that exists was written");
      assertThat(store.list("")).isEmpty();
    }
  }

  @Test
  void repeatsUntilTheWorldIsWell() {
    List<Integer> calls = new ArrayList<>();
    String answer =
        new Retry(Duration.ofMillis(1), Duration.ofMillis(2), Duration.ofSeconds(20))
            .call(
                "read x",
                () -> {
                  calls.add(calls.size());
                  if (calls.size() < 4) {
                    throw new StorageUnreachable("down");
                  }
                  return "up";
                });
    assertThat(answer).isEqualTo("up");
    assertThat(calls).hasSize(4);
  }

  @Test
  void doesNotRepeatWhatTheUserMustMend() {
    List<Integer> calls = new ArrayList<>();
    assertThatThrownBy(
            () ->
                Retry.standard()
                    .call(
                        "read x",
                        () -> {
                          calls.add(1);
                          throw new InvalidConfiguration("wrong");
                        }))
        .isInstanceOf(InvalidConfiguration.class);
    assertThat(calls).hasSize(1);
  }

  /** A store of the kind that takes the headers and does not look at them. */
  private static final class IgnoresConditions extends ForwardingStore {
    IgnoresConditions(ObjectStore store) {
      super(store);
    }

    @Override
    public ConditionalWrite putIfAbsent(String key, byte[] content) {
      return new ConditionalWrite.Written(put(key, content));
    }

    @Override
    public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
      return new ConditionalWrite.Written(put(key, content));
    }
  }

  @Test
  void refusesKeysThatNoFileSystemTakes() {
    assertThat(ObjectKey.isValid("a/" + "b".repeat(210) + "/c")).isTrue();
    assertThat(ObjectKey.isValid("a/" + "b".repeat(211))).isFalse();
    assertThat(ObjectKey.isValid("a/\ud800")).isFalse();
    assertThat(ObjectKey.isValid("a/\ud83d\ude00")).isTrue();
    assertThatThrownBy(() -> ObjectStores.filePath("spec.storage.uri", "file:a\ud800"))
        .isInstanceOf(InvalidConfiguration.class);
  }
}
