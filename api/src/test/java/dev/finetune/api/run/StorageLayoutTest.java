package dev.finetune.api.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class StorageLayoutTest {
  @Test
  void namesTheRunByNamespaceJobAndSpec() {
    assertThat(StorageLayout.runFolder("team-a", "k8s-qlora", "0123456789abcdef"))
        .isEqualTo("team-a/k8s-qlora/0123456789abcdef/");
  }

  @Test
  void putsAllThatAnAttemptWritesIntoItsFolder() {
    assertThat(StorageLayout.attemptFolder(3)).isEqualTo("attempt-0003/");
    assertThat(StorageLayout.progress(3)).isEqualTo("attempt-0003/progress.json");
    assertThat(StorageLayout.metrics(3, 120)).isEqualTo("attempt-0003/metrics-00000120.jsonl");
    assertThat(StorageLayout.checkpointFolder(3, 100))
        .isEqualTo("attempt-0003/checkpoint-00000100/");
    assertThat(StorageLayout.adapterFolder(3)).isEqualTo("attempt-0003/adapter/");
  }

  @Test
  void sortsAttemptsAndStepsByName() {
    assertThat(StorageLayout.attemptFolder(9)).isLessThan(StorageLayout.attemptFolder(10));
    assertThat(StorageLayout.checkpointFolder(1, 99))
        .isLessThan(StorageLayout.checkpointFolder(1, 100));
    assertThat(StorageLayout.metrics(1, 9_999_999))
        .isLessThan(StorageLayout.metrics(1, 10_000_000));
  }
}
