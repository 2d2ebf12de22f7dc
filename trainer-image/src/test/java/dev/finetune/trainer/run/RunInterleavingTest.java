package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.FaultyStore.Crash;
import dev.finetune.trainer.storage.FaultyStore.Fault;
import dev.finetune.trainer.storage.LocalFolders;
import dev.finetune.trainer.storage.MemoryStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterTry;

/**
 * Two attempts of one owner, their storage requests in any order and any of them failing, losing
 * its answer or being the last of its process. Whatever happens, the head lists only checkpoints
 * that verify, of one course: what an attempt commits builds on what the attempts before it had
 * committed, and nothing that was acknowledged is lost.
 */
class RunInterleavingTest {
  private static final int STEPS = 3;

  private Path local;

  /** What an attempt knows of itself at its end. */
  private record Story(int attempt, int resumedFrom, List<Integer> acknowledged) {}

  @Property(tries = 400, seed = "1")
  void theHeadListsOneCourseOfCheckpointsThatVerify(
      @ForAll("orders") List<Boolean> order, @ForAll("faults") List<Fault> faults)
      throws Exception {
    local = Files.createTempDirectory("interleaving");
    RunFixture fixture = new RunFixture(local, new MemoryStore(), 2);
    ConcurrentMap<Integer, Story> stories = new ConcurrentHashMap<>();
    List<Throwable> surprises = new ArrayList<>();
    Interleaving interleaving = new Interleaving(faults);
    fixture.store.plan(interleaving);
    Path[] works = {local.resolve("work-0"), local.resolve("work-1")};

    interleaving.run(
        () -> train(fixture, works[0], stories, surprises),
        () -> train(fixture, works[1], stories, surprises),
        order);

    fixture.store.plan(request -> Fault.NONE);
    assertThat(surprises).isEmpty();
    fixture.folder.readHead().ifPresent(head -> check(fixture, head, stories));
  }

  private static void train(
      RunFixture fixture,
      Path work,
      ConcurrentMap<Integer, Story> stories,
      List<Throwable> surprises) {
    try {
      Run run = fixture.claim("a");
      int from = run.resume(work).map(Checkpoint::step).orElse(0);
      Story story = new Story(run.attempt(), from, new ArrayList<>());
      stories.put(run.attempt(), story);
      for (int i = 1; i <= STEPS; i++) {
        run.commit(from + i, fixture.files(run, from + i), null);
        story.acknowledged().add(from + i);
      }
    } catch (Fenced | Crash | StorageUnreachable e) {
      // An attempt may end at any time; what it leaves behind is what counts.
      assertThat(e).isNotNull();
    } catch (Throwable e) {
      synchronized (surprises) {
        surprises.add(e);
      }
    }
  }

  private void check(RunFixture fixture, Head head, ConcurrentMap<Integer, Story> stories) {
    List<CheckpointEntry> listed = head.checkpoints();
    for (CheckpointEntry entry : listed) {
      fixture.notices.clear();
      assertThat(
              new CheckpointReader(fixture.folder)
                  .newestVerified(List.of(entry), List::of, local.resolve("check")))
          .as("checkpoint %s, notices %s", entry, fixture.notices)
          .isPresent();
      assertThat(entry.attempt()).isLessThanOrEqualTo(head.attempt());
    }
    assertThat(listed).extracting(CheckpointEntry::step).isSorted().doesNotHaveDuplicates();
    assertThat(listed)
        .as("no fenced attempt adds to the course of a newer one")
        .extracting(CheckpointEntry::attempt)
        .isSorted();
    int newest = listed.isEmpty() ? 0 : listed.getLast().step();
    for (Story story : stories.values()) {
      int acknowledged = story.acknowledged().isEmpty() ? 0 : story.acknowledged().getLast();
      assertThat(newest).as("nothing acknowledged is lost").isGreaterThanOrEqualTo(acknowledged);
      Story next = stories.get(story.attempt() + 1);
      if (next != null) {
        assertThat(next.resumedFrom())
            .as("attempt %s goes on from what attempt %s had committed", next, story)
            .isGreaterThanOrEqualTo(acknowledged);
      }
    }
    assertThat(listed.size()).isLessThanOrEqualTo(2);
  }

  @AfterTry
  void removeFiles() throws IOException {
    LocalFolders.delete(local);
  }

  @Provide
  Arbitrary<List<Boolean>> orders() {
    Arbitrary<List<Boolean>> mixed = Arbitraries.of(true, false).list().ofMaxSize(90);
    // Long runs of one attempt put the claim of the other into the middle of its commits.
    Arbitrary<List<Boolean>> blocks =
        Arbitraries.integers()
            .between(1, 25)
            .list()
            .ofMaxSize(8)
            .map(RunInterleavingTest::alternate);
    return Arbitraries.oneOf(mixed, blocks);
  }

  @Provide
  Arbitrary<List<Fault>> faults() {
    return Arbitraries.frequencyOf(
        Tuple.of(3, Arbitraries.just(List.<Fault>of())),
        Tuple.of(
            7,
            Arbitraries.frequency(
                    Tuple.of(30, Fault.NONE),
                    Tuple.of(3, Fault.FAIL),
                    Tuple.of(3, Fault.LOSE_ANSWER),
                    Tuple.of(1, Fault.CRASH))
                .list()
                .ofMaxSize(90)));
  }

  private static List<Boolean> alternate(List<Integer> lengths) {
    return IntStream.range(0, lengths.size())
        .boxed()
        .flatMap(i -> Collections.nCopies(lengths.get(i), i % 2 == 1).stream())
        .toList();
  }
}
