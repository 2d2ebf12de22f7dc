package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How far an interrupted run equals one that was not. */
class EqualityTest {
  private static final Computation BEFORE =
      new Computation(
          2,
          2048,
          false,
          "fp32",
          "cpu",
          "AMD EPYC",
          "avx2",
          new TreeMap<>(Map.of("libtorch", "2.7.1")));

  @TempDir private Path local;

  @Test
  void isToTheBitWhileNothingChanges() {
    Equality equality = Equality.goingOn(1, record(BEFORE, Equality.ofBits()), BEFORE);
    assertThat(equality).isEqualTo(Equality.ofBits());
    assertThat(equality.text()).isEqualTo("to the bit");
  }

  @Test
  void namesWhatChanged() {
    Computation now =
        new Computation(
            4,
            1024,
            false,
            "fp32",
            "cpu",
            "AMD EPYC",
            "avx2 avx512f",
            new TreeMap<>(Map.of("libtorch", "2.8.0", "java", "25")));
    Equality equality = Equality.goingOn(1, record(BEFORE, Equality.ofBits()), now);
    assertThat(equality.level()).isEqualTo(Equality.Level.ROUNDING);
    assertThat(equality.text())
        .isEqualTo(
            "to rounding (4 threads instead of 2; a token budget of 1024 instead of 2048;"
                + " instructions avx2 avx512f instead of avx2; java 25 instead of unknown;"
                + " libtorch 2.8.0 instead of 2.7.1)");
  }

  @Test
  void whatOnceDifferedDiffersForEver() {
    Equality first =
        Equality.goingOn(1, record(BEFORE, Equality.ofBits()), with(BEFORE, "threads", 4));
    Equality second = Equality.goingOn(2, record(with(BEFORE, "threads", 4), first), BEFORE);
    assertThat(second.differences())
        .containsExactly("4 threads instead of 2", "2 threads instead of 4");
    Equality third = Equality.goingOn(3, record(BEFORE, second), BEFORE);
    assertThat(third).isEqualTo(second);
  }

  static Stream<String> deciding() {
    return Stream.of(Computation.class.getRecordComponents())
        .map(RecordComponent::getName)
        .filter(name -> !Set.of("recompute").contains(name));
  }

  @ParameterizedTest
  @MethodSource("deciding")
  void everyFieldButRecomputationCounts(String field) {
    Object other =
        switch (field) {
          case "threads", "tokenBudget" -> 1;
          case "versions" -> new TreeMap<>(Map.of("libtorch", "2.8.0"));
          default -> "another";
        };
    Equality equality =
        Equality.goingOn(1, record(BEFORE, Equality.ofBits()), with(BEFORE, field, other));
    assertThat(equality.differences()).hasSize(1);
    assertThat(equality.level()).isEqualTo(Equality.Level.ROUNDING);
  }

  @Test
  void recomputationDoesNotCount() {
    assertThat(
            Equality.goingOn(1, record(BEFORE, Equality.ofBits()), with(BEFORE, "recompute", true)))
        .isEqualTo(Equality.ofBits());
  }

  @Test
  void anAttemptDescribesItselfByTheOneThatItGoesOnFrom() throws Exception {
    RunFixture fixture = new RunFixture(local);
    Run first = fixture.claim("a");
    assertThat(first.describe(BEFORE, null).equality()).isEqualTo(Equality.ofBits());
    CheckpointEntry entry = first.commit(3, fixture.files(first, 3), null);
    Run lost = fixture.claim("a");
    lost.describe(with(BEFORE, "threads", 8), entry);
    Run third = fixture.claim("a");
    AttemptRecord written = third.describe(BEFORE, entry);
    assertThat(written)
        .as("the second attempt left no checkpoint, so that it has no part in the state")
        .isEqualTo(new AttemptRecord(3, BEFORE, 3, 1, Equality.ofBits()));
    byte[] json =
        fixture
            .store
            .get(RunFixture.FOLDER + StorageLayout.attempt(3), 10_000)
            .orElseThrow()
            .content();
    assertThat(RunJson.read(json, AttemptRecord.class)).isEqualTo(written);
    assertThat(new String(json, StandardCharsets.UTF_8)).contains("\"level\" : \"bits\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "null", "{}", "{\"attempt\": 1, \"computation\": {}}"})
  void isToRoundingIfNothingIsKnownOfTheAttemptThatItGoesOnFrom(String content) {
    RunFixture fixture = new RunFixture(local);
    Run first = fixture.claim("a");
    if (!content.isEmpty()) {
      fixture.store.put(
          RunFixture.FOLDER + StorageLayout.attempt(1), content.getBytes(StandardCharsets.UTF_8));
    }
    CheckpointEntry entry = first.commit(3, fixture.files(first, 3), null);
    assertThat(fixture.claim("a").describe(BEFORE, entry).equality().differences())
        .containsExactly("nothing is known of how attempt 1 computed");
  }

  private static AttemptRecord record(Computation computation, Equality equality) {
    return new AttemptRecord(1, computation, 0, null, equality);
  }

  /** Returns a computation with another value of a field. */
  private static Computation with(Computation computation, String field, Object value) {
    try {
      RecordComponent[] components = Computation.class.getRecordComponents();
      Object[] values = new Object[components.length];
      Class<?>[] types = new Class<?>[components.length];
      for (int i = 0; i < components.length; i++) {
        types[i] = components[i].getType();
        values[i] =
            components[i].getName().equals(field)
                ? value
                : components[i].getAccessor().invoke(computation);
      }
      return Computation.class.getDeclaredConstructor(types).newInstance(values);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
