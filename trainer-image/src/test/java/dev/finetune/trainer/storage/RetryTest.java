package dev.finetune.trainer.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.spec.Storage;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RetryTest {
  private static final Retry RETRY =
      new Retry(Duration.ofMillis(10), Duration.ofMillis(40), Duration.ofMillis(400));

  @Test
  void waitsLongerEachTimeUpToTheLongestAndNotTheSameTwice() {
    List<Instant> tries = new ArrayList<>();
    assertThatThrownBy(() -> RETRY.call("read k", () -> fails(tries, null)))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageMatching("read k: gave up after \\d+ tries within 0 s: down");
    List<Duration> waits = new ArrayList<>();
    for (int i = 1; i < tries.size(); i++) {
      waits.add(Duration.between(tries.get(i - 1), tries.get(i)));
    }
    assertThat(waits.getFirst()).isGreaterThanOrEqualTo(Duration.ofMillis(5));
    // The last wait is cut so that it ends at the deadline.
    assertThat(waits.subList(2, waits.size() - 1))
        .allMatch(wait -> wait.compareTo(Duration.ofMillis(20)) >= 0)
        .as("jitter")
        .doesNotHaveDuplicates()
        .hasSizeGreaterThan(3);
  }

  @Test
  void endsAtTheDeadlineAndNotALongWaitLater() {
    Retry coarse = new Retry(Duration.ofSeconds(5), Duration.ofSeconds(9), Duration.ofMillis(200));
    Instant start = Instant.now();
    List<Instant> tries = new ArrayList<>();
    assertThatThrownBy(() -> coarse.call("read k", () -> fails(tries, null)))
        .isInstanceOf(StorageUnreachable.class);
    assertThat(Duration.between(start, Instant.now())).isLessThan(Duration.ofSeconds(3));
    assertThat(tries).as("one more at the deadline").hasSize(2);
  }

  @Test
  void leavesAStoreAloneForAsLongAsItAsks() {
    List<Instant> tries = new ArrayList<>();
    assertThatThrownBy(() -> RETRY.call("read k", () -> fails(tries, Duration.ofMillis(150))))
        .isInstanceOf(StorageUnreachable.class);
    assertThat(tries).hasSize(3);
    assertThat(Duration.between(tries.get(0), tries.get(1)))
        .isGreaterThanOrEqualTo(Duration.ofMillis(150));
  }

  @Test
  void givesUpAtOnceIfItWouldHaveToWaitBeyondTheDeadline() {
    List<Instant> tries = new ArrayList<>();
    assertThatThrownBy(() -> RETRY.call("read k", () -> fails(tries, Duration.ofHours(1))))
        .isInstanceOfSatisfying(
            StorageUnreachable.class,
            e -> assertThat(e.retryAfter()).contains(Duration.ofHours(1)));
    assertThat(tries).hasSize(1);
  }

  @Test
  void takesDeadlineAndTimeoutFromTheEnvironment() {
    Storage storage = new Storage("s3://b/p", null, "eu-west-1", null, null, null);
    StorageSettings settings =
        StorageSettings.of(
            storage,
            Map.of("FINETUNE_STORAGE_DEADLINE", "90s", "FINETUNE_STORAGE_TIMEOUT", "1500ms"));
    assertThat(settings.retry().deadline()).isEqualTo(Duration.ofSeconds(90));
    assertThat(settings.silence()).isEqualTo(Duration.ofMillis(1500));
    assertThat(Retry.of(Map.of())).isEqualTo(Retry.standard());
    assertThat(Retry.of(Map.of("FINETUNE_STORAGE_DEADLINE", "2h")).deadline())
        .isEqualTo(Duration.ofHours(2));
  }

  @ParameterizedTest
  @ValueSource(strings = {"10", "ten", "-1s", "0s", "25h", "1d", "99999999999999h"})
  void refusesADeadlineThatCannotBe(String text) {
    assertThatThrownBy(() -> Retry.of(Map.of("FINETUNE_STORAGE_DEADLINE", text)))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("FINETUNE_STORAGE_DEADLINE: must be ");
  }

  private static Object fails(List<Instant> tries, Duration retryAfter) {
    tries.add(Instant.now());
    throw new StorageUnreachable("down", new IOException("down"), retryAfter);
  }
}
