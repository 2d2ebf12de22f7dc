package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.StorageLayout;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.ObjectStores;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole course of a run on the stores that people use. */
class RunStoresTest {
  @TempDir static Path served;
  private static EmbeddedObjectStore server;

  @TempDir Path local;

  @BeforeAll
  static void start() throws IOException {
    server = EmbeddedObjectStore.start(ObjectStoreOptions.in(served));
    server.createBucket("bucket");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void aRunGoesItsCourseInAFolder() {
    goesItsCourse(ObjectStores.open("file:" + local.resolve("runs"), settings("unused")));
    assertThat(local.resolve("runs/" + RunFixture.FOLDER + "attempt-0002/adapter/manifest.json"))
        .exists();
  }

  @Test
  void aRunGoesItsCourseInS3() {
    goesItsCourse(ObjectStores.open("s3://bucket/runs", settings(server.secretKey())));
    assertThat(
            served.resolve(
                "bucket/runs/" + RunFixture.FOLDER + "attempt-0002/adapter/manifest.json"))
        .exists();
  }

  @Test
  void wrongCredentialsEndTheClaimAtOnceAndNameTheSetting() {
    try (ObjectStore store = ObjectStores.open("s3://bucket/runs", settings("wrong"))) {
      RunFolder folder =
          new RunFolder(store, RunFixture.FOLDER, RunSettings.standard(3, 1, notice -> {}));
      assertThatThrownBy(() -> Run.claim(folder, new ClaimRequest("a", false)))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.storage.secretRef: ");
    }
  }

  private void goesItsCourse(ObjectStore opened) {
    try (ObjectStore store = opened) {
      RunFixture fixture = new RunFixture(local, store, 2);
      Run first = fixture.claim("a");
      RunRecord record = first.freeze(RunFixture.record("sha256:aa"));
      assertThat(first.resume(fixture.work())).isEmpty();
      for (int step = 1; step <= 4; step++) {
        first.appendMetrics(List.of("{\"step\":" + step + "}"), step);
        first.commit(step, fixture.files(first, step), 1.0 / step);
      }
      assertThat(fixture.listedSteps()).containsExactly(3, 4);

      Run second = fixture.claim("a");
      assertThat(second.freeze(RunFixture.record("sha256:aa"))).isEqualTo(record);
      Checkpoint checkpoint = second.resume(fixture.work()).orElseThrow();
      assertThat(checkpoint.folder().resolve("adapter.safetensors")).hasContent("adapter 1 4");
      assertThatThrownBy(() -> first.commit(5, fixture.files(first, 5), null))
          .isInstanceOf(Fenced.class);
      second.commit(5, fixture.files(second, 5), null);
      second.deliver(fixture.files(second, 6), new RunResult(6, 0.1, 1.0, 0.1));

      assertThat(Run.claim(fixture.folder, new ClaimRequest("b", false)))
          .isInstanceOfSatisfying(
              Claim.Delivered.class,
              delivered ->
                  assertThat(delivered.adapter())
                      .isEqualTo(store.location(RunFixture.FOLDER + "attempt-0002/adapter/")));
      assertThat(fixture.keys())
          .contains("run.json", "head.json", StorageLayout.metrics(1, 4))
          .noneMatch(key -> key.contains("probe") || key.contains("checkpoint-00000002"));
      assertThat(fixture.notices).isEmpty();
    }
  }

  private static StorageSettings settings(String secret) {
    return StorageSettings.at(server.endpoint(), server.accessKey(), secret);
  }
}
