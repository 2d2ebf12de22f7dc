package dev.finetune.trainer.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Trainer processes that are killed until their run is delivered. {@code -Dchaos.kills} and {@code
 * -Dchaos.seed} set how many and which, {@code -Dchaos.record} names a file for a line a kill.
 */
@Tag("chaos")
@Timeout(value = 3, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KillTest {
  private static final int CHAIN = 15;

  @TempDir private Path folder;

  @Test
  void killedTrainersEndWithTheBytesOfAnUndisturbedRun() throws Exception {
    long seed = ChaosMode.seed();
    int kills = ChaosMode.number("chaos.kills", 30, 150);
    System.out.println("kills: " + kills + ", seed " + seed);
    ChaosJob fp32 = ChaosJob.tiny(folder, 100, 5, 2, "fp32");
    ChaosJob bf16 = ChaosJob.tiny(folder, 100, 5, 2, "bf16");
    List<KillReport> reports = new ArrayList<>();
    try (S3Storage s3 = S3Storage.start(folder.resolve("s3"));
        ExecutorService both = Executors.newFixedThreadPool(2)) {
      KillStorage file = new FileStorage(folder.resolve("file"));
      List<Callable<List<KillReport>>> campaigns =
          List.of(
              () ->
                  new KillCampaign("tiny Llama", bf16, file, folder.resolve("work-file"))
                      .run(kills / 2, CHAIN, seed),
              () ->
                  new KillCampaign("tiny Llama", fp32, s3, folder.resolve("work-s3"))
                      .run(kills - kills / 2, CHAIN, seed + 1));
      for (Future<List<KillReport>> campaign : both.invokeAll(campaigns)) {
        reports.addAll(campaign.get());
      }
    }
    assertThat(reports).hasSizeGreaterThanOrEqualTo(kills);
  }

  @Test
  @EnabledIfSystemProperty(named = "chaos.model", matches = ".+")
  void killedTrainersOfARealModelEndWithTheBytesOfAnUndisturbedRun() throws Exception {
    long seed = ChaosMode.seed();
    int kills = Integer.getInteger("chaos.model.kills", 10);
    System.out.println("kills of SmolLM2: " + kills + ", seed " + seed);
    ChaosJob job = ChaosJob.smolLm2(folder, Path.of(System.getProperty("chaos.model")), 8, 2);
    KillStorage file = new FileStorage(folder.resolve("file"));
    List<KillReport> reports =
        new KillCampaign("SmolLM2-135M", job, file, folder.resolve("work")).run(kills, kills, seed);
    assertThat(reports).hasSizeGreaterThanOrEqualTo(kills);
  }
}
