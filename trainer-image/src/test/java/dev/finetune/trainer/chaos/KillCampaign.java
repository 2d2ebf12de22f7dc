package dev.finetune.trainer.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeoutException;

/** Chains of kills on one storage until so many kills have hit. */
final class KillCampaign {
  /** Chains in a row that no kill hits before a campaign is wrong and not only unlucky. */
  private static final int MISSES = 20;

  private final String model;
  private final ChaosJob job;
  private final KillStorage storage;
  private final Path folder;

  /**
   * Makes one.
   *
   * @param folder for what processes leave on the local disk
   */
  KillCampaign(String model, ChaosJob job, KillStorage storage, Path folder) {
    this.model = model;
    this.job = job;
    this.storage = storage;
    this.folder = folder;
  }

  /** Kills so often that these many kills hit, and compares every run with one without kills. */
  List<KillReport> run(int kills, int chainLength, long seed)
      throws IOException, InterruptedException, TimeoutException {
    Random random = new Random(seed);
    long start = System.nanoTime();
    KillChain undisturbed = chain("undisturbed", random, Duration.ZERO);
    undisturbed.run(List.of());
    Duration lifetime = Duration.ofNanos(System.nanoTime() - start);
    RunOutcome expected = undisturbed.outcome();
    assertThat(expected.metrics()).hasSize(job.steps());
    List<KillReport> reports = new ArrayList<>();
    long bytesLost = 0;
    int misses = 0;
    for (int round = 1; reports.size() < kills; round++) {
      List<Kill> plan = KillPlan.chains(random, kills - reports.size(), chainLength).getFirst();
      KillChain chain = chain("run-" + round, random, lifetime);
      List<KillReport> hits = chain.run(plan);
      // A kill by the clock comes too late where a process is faster than the first one was.
      misses = hits.isEmpty() ? misses + 1 : 0;
      assertThat(misses)
          .as("chains that no kill hit, last %s, seed %d", plan, seed)
          .isLessThan(MISSES);
      reports.addAll(hits);
      Comparison comparison = Comparison.of(expected, chain.outcome());
      bytesLost += comparison.bytes();
      assertThat(comparison.differences()).as("after %s, seed %d", hits, seed).isEmpty();
      KillReport.record(hits);
    }
    tally(reports, bytesLost);
    return List.copyOf(reports);
  }

  private KillChain chain(String run, Random random, Duration lifetime) {
    return new KillChain(
        new KillChain.Setting(model, job, storage, folder.resolve(run), run, lifetime), random);
  }

  private void tally(List<KillReport> reports, long bytesLost) {
    for (KillReport report : reports) {
      Tally.add("kills survived, " + model, report.signal() + ", " + report.moment(), 1);
    }
    Tally.add("bytes of adapters, moments and metrics lost", "", bytesLost);
  }
}
