package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.SealedJson;
import dev.finetune.trainer.run.ModelRequest.Kind;
import dev.finetune.trainer.run.ModelScenario.Program;
import dev.finetune.trainer.run.ModelScenario.Variant;
import dev.finetune.trainer.storage.ConditionalWrite;
import dev.finetune.trainer.storage.Document;
import dev.finetune.trainer.storage.StoredObject;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Stores and protocols with a mistake. The model checker finds each; without the mistake the same
 * case has no fault.
 */
class ProtocolMutationTest {
  private static final int MOST_EXECUTIONS = 60_000;
  private static final String HEAD = ModelActor.FOLDER + "head.json";

  @TempDir static Path local;

  @Test
  void findsAStoreThatIgnoresIfMatch() {
    ModelScenario scenario =
        ModelScenario.of("", ProtocolModelTest.COMMITS, ProtocolModelTest.CLAIMS)
            .after(ProtocolModelTest.COMMITTED)
            .begun();
    finds(
        scenario,
        (execution, actor) ->
            new ModelStore(execution, actor) {
              @Override
              public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
                return key.equals(HEAD)
                    ? unconditional(Kind.PUT_IF_MATCH, key, content)
                    : super.putIfMatch(key, content, etag);
              }
            },
        "attempt 2 after 3");
  }

  @Test
  void findsAStoreThatIgnoresIfNoneMatch() {
    finds(
        ModelScenario.of("", ProtocolModelTest.CLAIMS, ProtocolModelTest.CLAIMS),
        (execution, actor) ->
            new ModelStore(execution, actor) {
              @Override
              public ConditionalWrite putIfAbsent(String key, byte[] content) {
                return key.equals(HEAD)
                    ? unconditional(Kind.PUT_IF_ABSENT, key, content)
                    : super.putIfAbsent(key, content);
              }
            },
        "does not own the run");
  }

  @Test
  void findsADeletionBeforeTheHeadIsWritten() {
    finds(
        commits(),
        (execution, actor) ->
            new ModelStore(execution, actor) {
              @Override
              public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
                if (key.equals(HEAD)) {
                  get(key, 1 << 20)
                      .map(document -> parsed(document.content()))
                      .ifPresent(old -> dropped(old, parsed(content)).forEach(this::deleteAll));
                }
                return super.putIfMatch(key, content, etag);
              }

              private void deleteAll(CheckpointEntry entry) {
                for (StoredObject object : list(ModelActor.FOLDER + entry.folder())) {
                  delete(object.key());
                }
              }
            },
        "deletes what a pointer names");
  }

  @Test
  void findsAManifestThatIsWrittenAfterTheHead() {
    finds(
        commits(),
        (execution, actor) ->
            new ModelStore(execution, actor) {
              private final Map<String, byte[]> heldBack = new HashMap<>();

              @Override
              public String put(String key, byte[] content) {
                if (!key.endsWith("/manifest.json")) {
                  return super.put(key, content);
                }
                heldBack.put(key, content);
                return "held back";
              }

              @Override
              public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
                ConditionalWrite outcome = super.putIfMatch(key, content, etag);
                heldBack.forEach(super::put);
                heldBack.clear();
                return outcome;
              }
            },
        "names a folder without its manifest");
  }

  @Test
  void findsAnOwnLostAnswerThatIsTakenForALostRace() {
    finds(
        ModelScenario.of("", ProtocolModelTest.CLAIMS).with(1, 0),
        changingTheHead(
            head ->
                new Head(
                    head.attempt(),
                    head.owner(),
                    head.heartbeat(),
                    "forgotten",
                    head.checkpoints(),
                    head.latest(),
                    head.best(),
                    head.delivered())),
        "one claim takes two numbers");
  }

  @Test
  void findsADeliveryThatIsOverlooked() {
    finds(
        ModelScenario.of("", ProtocolModelTest.DELIVERS, ProtocolModelTest.CLAIMS)
            .after(ProtocolModelTest.COMMITTED)
            .begun(),
        changingTheHead(
            head ->
                new Head(
                    head.attempt(),
                    head.owner(),
                    head.heartbeat(),
                    head.writeId(),
                    head.checkpoints(),
                    head.latest(),
                    head.best(),
                    null)),
        "claims the end");
  }

  @Test
  void findsAnOwnerThatDoesNotWait() {
    Program owner =
        actor -> {
          if (actor.claim("a")) {
            actor.heartbeat();
          }
        };
    Program patient = actor -> actor.claim("b");
    Program hasty = actor -> actor.withFresh(Duration.ZERO).claim("b");
    ModelChecker.explore(ModelScenario.of("", owner, patient).ticking(2), local, MOST_EXECUTIONS);
    violates(ModelScenario.of("", owner, hasty).ticking(2), "gave a sign of life");
  }

  @Test
  void findsAReaderThatLooksOnlyOnce() {
    ModelScenario patient =
        ModelScenario.of("", ProtocolModelTest.COMMITS, ModelActor::read)
            .after(ProtocolModelTest.COMMITTED)
            .begun();
    ModelChecker.explore(patient, local, MOST_EXECUTIONS);
    violates(
        ModelScenario.of("", ProtocolModelTest.COMMITS, ModelActor::readWithoutLookingAgain)
            .after(ProtocolModelTest.COMMITTED)
            .begun(),
        "a reader finds no checkpoint");
  }

  @Test
  void findsACleanerThatDoesNotAskWhoseFilesTheyAre() {
    Program cleaner =
        actor -> {
          RunFolder run = actor.folder();
          Head head = run.readHead().orElseThrow();
          for (StoredObject object : run.store().list(run.folder())) {
            String name = object.key().substring(run.folder().length());
            boolean listed = head.checkpoints().stream().anyMatch(e -> name.startsWith(e.folder()));
            if (name.contains("/checkpoint-") && !listed) {
              run.store().delete(object.key());
            }
          }
        };
    violates(
        ModelScenario.of("", ProtocolModelTest.COMMITS, cleaner)
            .after(ProtocolModelTest.COMMITTED)
            .begun(),
        "deletes what");
  }

  private static ModelScenario commits() {
    return ModelScenario.of("", ProtocolModelTest.COMMITS)
        .after(ProtocolModelTest.COMMITTED)
        .begun();
  }

  private static Variant changingTheHead(UnaryOperator<Head> change) {
    return (execution, actor) ->
        new ModelStore(execution, actor) {
          @Override
          public Optional<Document> get(String key, int maxBytes) {
            return super.get(key, maxBytes)
                .map(
                    document ->
                        key.equals(HEAD)
                            ? new Document(
                                SealedJson.write(change.apply(parsed(document.content()))),
                                document.etag())
                            : document);
          }
        };
  }

  private static Head parsed(byte[] content) {
    try {
      return SealedJson.read(content, Head.class);
    } catch (IOException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private static List<CheckpointEntry> dropped(Head old, Head next) {
    return old.checkpoints().stream().filter(e -> !next.checkpoints().contains(e)).toList();
  }

  private static void finds(ModelScenario scenario, Variant mistake, String what) {
    ModelChecker.explore(scenario, local, MOST_EXECUTIONS);
    violates(scenario.on(mistake), what);
  }

  private static void violates(ModelScenario scenario, @Nullable String what) {
    assertThatThrownBy(() -> ModelChecker.explore(scenario, local, MOST_EXECUTIONS))
        .isInstanceOf(ProtocolRules.Violation.class)
        .hasMessageContaining(what);
  }
}
