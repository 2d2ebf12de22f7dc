package dev.finetune.trainer.run;

import dev.finetune.trainer.chaos.Tally;
import dev.finetune.trainer.run.ModelScenario.Program;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every course of events of small cases: the code of the product, its requests in every order, with
 * answers that are lost, writes that land late, and processes that end at any request. What must
 * hold is in {@link ProtocolRules}.
 */
@Tag("chaos")
class ProtocolModelTest {
  private static final int MOST_EXECUTIONS =
      "long".equals(System.getProperty("chaos")) ? 3_000_000 : 30_000;
  private static final List<ModelChecker.Result> RESULTS =
      Collections.synchronizedList(new ArrayList<>());

  @TempDir static Path local;

  /** A run with a record and a checkpoint of step 1. */
  static final Program COMMITTED =
      actor -> {
        actor.claim("a");
        actor.freeze(2);
        actor.commit(1, 0.5, 1);
      };

  static final Program CLAIMS = actor -> actor.claim("a");

  static final Program CLAIMS_AND_RESUMES =
      actor -> {
        if (actor.claim("a")) {
          actor.resume();
        }
      };

  static final Program CLAIMS_AND_COMMITS =
      actor -> {
        if (actor.claim("a")) {
          actor.commit(9);
        }
      };

  static final Program GOES_ON =
      actor -> {
        if (actor.claim("a")) {
          actor.commit(actor.resume() + 1);
        }
      };

  static final Program COMMITS =
      actor -> {
        begin(actor);
        actor.commit(2);
      };

  static final Program COMMITS_TWICE =
      actor -> {
        begin(actor);
        actor.commit(2, 0.7, 2);
        actor.commit(3);
      };

  static final Program DELIVERS =
      actor -> {
        begin(actor);
        actor.deliver(2);
      };

  /** Makes an actor an attempt that has resumed before the others begin. */
  private static void begin(ModelActor actor) {
    actor.alone(
        first -> {
          first.claim("a");
          first.freeze(2);
          first.resume();
        });
  }

  @Test
  void ofClaimsWithTheirProbesEachGetsItsOwnNumber() {
    explore(ModelScenario.of("claim | claim; probes, 1 crash", CLAIMS, CLAIMS).probing().with(0, 1))
        .covers(300, "claimed", "crashed");
  }

  @Test
  void ofClaimsWithoutAnswersEachGetsItsOwnNumber() {
    explore(ModelScenario.of("claim | claim; 1 answer lost, 1 crash", CLAIMS, CLAIMS).with(1, 1))
        .covers(500, "claimed", "crashed", "fenced");
    explore(ModelScenario.of("claim | claim | claim", CLAIMS, CLAIMS, CLAIMS))
        .covers(500, "claimed");
  }

  @Test
  void commitsOfAnOwnerMeetTheClaimOfANewerAttempt() {
    explore(
            ModelScenario.of(
                    "commit, commit | claim, resume; 1 crash", COMMITS_TWICE, CLAIMS_AND_RESUMES)
                .after(COMMITTED)
                .begun()
                .with(0, 1))
        .covers(3000, "committed", "fenced", "crashed", "resumed");
    explore(
            ModelScenario.of("commit, commit | claim; best is kept", COMMITS_TWICE, CLAIMS)
                .after(COMMITTED)
                .begun()
                .keeping(1, 1))
        .covers(300, "committed", "fenced");
  }

  @Test
  void aLostAnswerToACommitIsNoLostRace() {
    explore(
            ModelScenario.of("commit | claim; 1 answer lost", COMMITS, CLAIMS)
                .after(COMMITTED)
                .begun()
                .with(1, 0))
        .covers(1000, "committed", "fenced");
  }

  @Test
  void anAttemptThatReadsWhileANewerOneCommitsIsFenced() {
    Program slow =
        actor -> {
          actor.alone(CLAIMS);
          actor.commit(actor.resume() + 1);
        };
    explore(
            ModelScenario.of("resume, commit | claim, commit", slow, CLAIMS_AND_COMMITS)
                .after(COMMITTED)
                .begun())
        .covers(800, "committed", "fenced", "resumed");
  }

  @Test
  void aReaderFindsACheckpointWhileRetentionDeletes() {
    explore(
            ModelScenario.of("commit, commit | read; 1 crash", COMMITS_TWICE, ModelActor::read)
                .after(COMMITTED)
                .begun()
                .with(0, 1))
        .covers(300, "committed", "crashed");
  }

  @Test
  void anOwnerWhoseHeartbeatIsFreshIsLeftAlone() {
    Program owner =
        actor -> {
          begin(actor);
          actor.heartbeat();
          actor.heartbeat();
          actor.commit(1);
          actor.release();
        };
    Program other =
        actor -> {
          if (actor.claim("b")) {
            actor.commit(2);
          }
        };
    explore(ModelScenario.of("owner a | owner b; 2 ticks", owner, other).begun().ticking(2))
        .covers(200, "committed", "fenced", "refused");
  }

  @Test
  void leftoversAreRemovedAndNothingElse() {
    Program leaves =
        actor -> {
          COMMITTED.run(actor);
          actor.uploadOnly(5);
        };
    explore(
            ModelScenario.of(
                    "commit | claim, commit; leftovers, 1 crash", COMMITS, CLAIMS_AND_COMMITS)
                .after(leaves)
                .begun()
                .with(0, 1))
        .covers(1000, "committed", "fenced", "crashed");
  }

  @Test
  void aDeliveryIsForEver() {
    explore(
            ModelScenario.of("deliver | claim, commit; 1 crash", DELIVERS, CLAIMS_AND_COMMITS)
                .after(COMMITTED)
                .begun()
                .with(0, 1))
        .covers(500, "delivered", "fenced", "told that it is delivered");
    explore(
            ModelScenario.of("deliver | claim; 1 answer lost", DELIVERS, CLAIMS)
                .after(COMMITTED)
                .begun()
                .with(1, 0))
        .covers(400, "delivered", "fenced", "told that it is delivered");
  }

  @Test
  void allObeyTheRecordThatWasFrozenFirst() {
    Program two =
        actor -> {
          actor.claim("a");
          actor.freeze(2);
        };
    Program three =
        actor -> {
          actor.claim("a");
          actor.freeze(3);
        };
    explore(ModelScenario.of("freeze | freeze; 1 answer lost, 1 crash", two, three).with(1, 1))
        .covers(1000, "claimed", "fenced", "crashed");
  }

  @Test
  void reportsThatLandLateChangeNothing() {
    Program reports =
        actor -> {
          begin(actor);
          actor.metrics(1);
          actor.progress(1);
          actor.progress(2);
          actor.metrics(2);
          actor.commit(2);
        };
    explore(
            ModelScenario.of("metrics, progress, commit; 1 answer lost, 1 crash", reports)
                .begun()
                .with(1, 1))
        .covers(80, "committed", "crashed");
  }

  @Test
  void aCommitThatWasGivenUpMayBeMadeAgain() {
    Program stubborn =
        actor -> {
          begin(actor);
          actor.commitTwice(2);
        };
    explore(
            ModelScenario.of("commit, again if in vain | claim; 1 lost", stubborn, CLAIMS)
                .after(COMMITTED)
                .begun()
                .impatient()
                .with(1, 0))
        .covers(500, "committed", "fenced");
  }

  @Test
  @EnabledIfSystemProperty(named = "chaos", matches = "long")
  void largerCasesHoldToo() {
    explore(
            ModelScenario.of("go on | go on; 1 crash", GOES_ON, GOES_ON)
                .after(COMMITTED)
                .with(0, 1))
        .covers(20_000, "committed", "fenced", "crashed");
    explore(
            ModelScenario.of("commit, commit | claim; 1 answer lost", COMMITS_TWICE, CLAIMS)
                .after(COMMITTED)
                .begun()
                .with(1, 0))
        .covers(20_000, "committed", "fenced");
    explore(
            ModelScenario.of(
                    "deliver | claim, commit; 1 lost, 1 crash", DELIVERS, CLAIMS_AND_COMMITS)
                .after(COMMITTED)
                .begun()
                .with(1, 1))
        .covers(15_000, "delivered", "fenced", "crashed");
    explore(ModelScenario.of("claim | claim | claim; 1 crash", CLAIMS, CLAIMS, CLAIMS).with(0, 1))
        .covers(2500, "claimed", "crashed");
  }

  private static ModelChecker.Result explore(ModelScenario scenario) {
    ModelChecker.Result result = ModelChecker.explore(scenario, local, MOST_EXECUTIONS);
    RESULTS.add(result);
    return result;
  }

  @AfterAll
  static void print() {
    RESULTS.forEach(System.out::println);
    for (ModelChecker.Result result : RESULTS) {
      Tally.add("interleavings of the protocol: states", "", result.states());
      Tally.add("interleavings of the protocol: executions", "", result.executions());
    }
    System.out.printf(
        "protocol model: %d cases, %,d states, %,d executions, %.2e courses of events, %,d ends%n",
        RESULTS.size(),
        RESULTS.stream().mapToLong(ModelChecker.Result::states).sum(),
        RESULTS.stream().mapToLong(ModelChecker.Result::executions).sum(),
        RESULTS.stream().mapToDouble(ModelChecker.Result::courses).sum(),
        RESULTS.stream().mapToLong(ModelChecker.Result::ends).sum());
  }
}
