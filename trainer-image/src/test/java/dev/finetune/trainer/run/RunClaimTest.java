package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.FaultyStore.Fault;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RunClaimTest {
  @TempDir Path local;
  private RunFixture fixture;

  @BeforeEach
  void makeFixture() {
    fixture = new RunFixture(local);
  }

  @Test
  void theSameOwnerTakesOverAtOnce() {
    assertThat(fixture.claim("laptop").attempt()).isEqualTo(1);
    assertThat(fixture.claim("laptop").attempt()).isEqualTo(2);
    assertThat(fixture.folder.readHead().orElseThrow().attempt()).isEqualTo(2);
  }

  @Test
  void anotherOwnerIsRefusedWhileTheHeartbeatIsFresh() {
    fixture.claim("uid-of-a-job");
    fixture.clock.advance(Duration.ofSeconds(299));
    assertThatThrownBy(() -> fixture.claim("laptop"))
        .isInstanceOfSatisfying(
            InvalidConfiguration.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCode.INVALID))
        .hasMessageContaining("owner uid-of-a-job is at work on this run")
        .hasMessageContaining("299 s ago")
        .hasMessageContaining("spec.runId");
    fixture.clock.advance(Duration.ofSeconds(1));
    assertThat(fixture.claim("laptop").attempt()).isEqualTo(2);
  }

  @Test
  void aHeartbeatKeepsOthersOut() {
    Run run = fixture.claim("a");
    fixture.clock.advance(Duration.ofMinutes(4));
    run.heartbeat();
    fixture.clock.advance(Duration.ofMinutes(4));
    assertThatThrownBy(() -> fixture.claim("b")).isInstanceOf(InvalidConfiguration.class);
  }

  @Test
  void anotherOwnerMayTakeOverIfToldTo() {
    Run first = fixture.claim("a");
    Claim claim = Run.claim(fixture.folder, new ClaimRequest("b", true));
    assertThat(((Claim.Claimed) claim).run().attempt()).isEqualTo(2);
    assertThatThrownBy(() -> first.commit(1, fixture.files(first, 1), null))
        .isInstanceOf(Fenced.class)
        .hasMessageContaining("attempt 2 of owner b claimed it");
  }

  @Test
  void aReleasedRunIsFreeAtOnce() {
    Run run = fixture.claim("a");
    run.release();
    assertThat(fixture.claim("b").attempt()).isEqualTo(2);
    run.release();
    assertThatThrownBy(() -> fixture.claim("c"))
        .as("a fenced attempt cannot release the run of another")
        .isInstanceOf(InvalidConfiguration.class);
  }

  @Test
  void sixteenClaimsAtOnceGetSixteenNumbers() throws Exception {
    List<Integer> attempts = new ArrayList<>();
    try (ExecutorService executor = Executors.newFixedThreadPool(16)) {
      List<Future<Integer>> claims =
          IntStream.range(0, 16)
              .mapToObj(i -> executor.submit(() -> fixture.claim("a").attempt()))
              .toList();
      for (Future<Integer> claim : claims) {
        attempts.add(claim.get());
      }
    }
    assertThat(attempts)
        .containsExactlyInAnyOrderElementsOf(IntStream.rangeClosed(1, 16).boxed().toList());
  }

  @Test
  void oneOfManyOwnersGetsTheRun() throws Exception {
    int winners = 0;
    try (ExecutorService executor = Executors.newFixedThreadPool(8)) {
      List<Future<Boolean>> claims =
          IntStream.range(0, 8)
              .mapToObj(i -> executor.submit(() -> isClaimedBy("owner-" + i)))
              .toList();
      for (Future<Boolean> claim : claims) {
        winners += claim.get() ? 1 : 0;
      }
    }
    assertThat(winners).isEqualTo(1);
    assertThat(fixture.folder.readHead().orElseThrow().attempt()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"FAIL", "LOSE_ANSWER"})
  void aClaimSurvivesAFailedRequest(Fault fault) {
    fixture.store.once(fault, "putIfAbsent .*head.json");
    assertThat(fixture.claim("a").attempt()).isEqualTo(1);
    fixture.store.once(fault, "putIfMatch .*head.json");
    Run second = fixture.claim("a");
    assertThat(second.attempt()).isEqualTo(2);
    second.commit(1, fixture.files(second, 1), null);
    assertThat(fixture.listedSteps()).containsExactly(1);
  }

  @Test
  void theClaimOfAnOutageEndsAtTheDeadline() {
    fixture.store.plan(request -> Fault.FAIL);
    assertThatThrownBy(() -> fixture.claim("a"))
        .isInstanceOfSatisfying(
            StorageUnreachable.class,
            e -> assertThat(e.exitCode()).isEqualTo(ExitCode.STORAGE_UNREACHABLE))
        .hasMessageContaining("gave up after");
  }

  @Test
  void aDeliveredRunIsNeverClaimedAgain() {
    Run run = fixture.claim("a");
    Delivery delivery = run.deliver(fixture.files(run, 7), new RunResult(7, 0.5, 1.0, 0.4));
    fixture.store.takeRequests();
    for (String owner : List.of("a", "b")) {
      assertThat(Run.claim(fixture.folder, new ClaimRequest(owner, false)))
          .isEqualTo(
              new Claim.Delivered(
                  delivery, "memory:" + RunFixture.FOLDER + "attempt-0001/adapter/"));
    }
    assertThat(fixture.store.takeRequests())
        .as("reads only")
        .allMatch(request -> request.startsWith("get "));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '%',
      textBlock =
          """
          {} | needs attempt, owner, heartbeat and writeId
          {"attempt":0,"owner":"a","heartbeat":"2026-01-01T00:00:00Z","writeId":"w"} | was 0
          {"attempt":1,"heartbeat":"2026-01-01T00:00:00Z","writeId":"w"} | needs attempt, owner
          {"attempt":1,"owner":"a","heartbeat":"2026-01-01T00:00:00Z","writeId":"w",\
          "checkpoints":[{"step":1,"attempt":1,"folder":"../other/","manifestSha256":"SHA",\
          "bytes":1,"time":"2026-01-01T00:00:00Z"}]} | lists a checkpoint that cannot be
          {"attempt":1,"owner":"a","heartbeat":"2026-01-01T00:00:00Z","writeId":"w",\
          "checkpoints":[{"step":1,"attempt":2,"folder":"attempt-0002/checkpoint-00000001/",\
          "manifestSha256":"SHA","bytes":1,"time":"2026-01-01T00:00:00Z"}]} | cannot be
          {"attempt":1,"owner":"a","heartbeat":"2026-01-01T00:00:00Z","writeId":"w","latest":7} \
          | latest names step 7, which is not listed
          {"attempt":1,"owner":"a","heartbeat":"2026-01-01T00:00:00Z","writeId":"w",\
          "delivered":{"attempt":1,"folder":"attempt-0001/","manifestSha256":"SHA","steps":1,\
          "loss":1.0,"time":"2026-01-01T00:00:00Z"}} | names a delivery that cannot be
          """)
  void refusesAHeadThatCannotBe(String json, String why) {
    String text = json.replace("SHA", "0123456789abcdef".repeat(4));
    fixture.store.put(RunFixture.FOLDER + "head.json", RunFixture.sealed(text));
    assertThatThrownBy(() -> fixture.claim("a"))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("head.json: ")
        .hasMessageContaining(why);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "not json", "null", "{\"attempt\":1}"})
  void refusesWhatIsNoHead(String text) {
    fixture.store.put(RunFixture.FOLDER + "head.json", text.getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> fixture.claim("a"))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("head.json: is no head of a run: ");
  }

  @Test
  void refusesToBeginAnewWhereTheHeadIsGone() {
    fixture.claim("a").freeze(RunFixture.record("sha256:aa"));
    fixture.store.delete(RunFixture.FOLDER + "head.json");
    assertThatThrownBy(() -> fixture.claim("a"))
        .isInstanceOf(UnreadableData.class)
        .hasMessage(
            "memory:%shead.json: is missing, though attempts have written to this run; bring it"
                    .formatted(RunFixture.FOLDER)
                + " back, or set spec.runId to begin a new run");
  }

  @Test
  void aRequestForACheckpointIsNoSignOfAnAttempt() {
    fixture.store.put(RunFixture.FOLDER + "checkpoint-request.json", new byte[] {'{', '}'});
    assertThat(fixture.claim("a").attempt()).isEqualTo(1);
  }

  @Test
  void anAttemptNumberIsNotUsedAgainAfterAFormerHeadWasPutBack() {
    fixture.claim("a");
    byte[] former = fixture.head();
    Run second = fixture.claim("a");
    second.commit(5, fixture.files(second, 5), null);
    fixture.store.put(RunFixture.FOLDER + "head.json", former);
    assertThat(fixture.claim("a").attempt()).isEqualTo(3);
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .contains("head.json: is older than what attempt 2 has written")
        .endsWith("the run goes on as attempt 3");
  }

  private boolean isClaimedBy(String owner) {
    try {
      fixture.claim(owner);
      return true;
    } catch (InvalidConfiguration e) {
      return false;
    }
  }
}
