package dev.finetune.operator.reconcile;

import static dev.finetune.operator.reconcile.Scenes.NOW;
import static dev.finetune.operator.reconcile.Scenes.NO_RUN;
import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.status.History;
import dev.finetune.operator.status.Situation;
import dev.finetune.operator.status.StatusFactory;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class TerminalJobTest {
  private static final StatusFactory STATUSES = new StatusFactory(Clock.fixed(NOW, ZoneOffset.UTC));

  private final DecisionMaker maker = new DecisionMaker(Settings.defaults());

  private static FineTuneJob ended(FineTuneJob job, Situation situation) {
    FineTuneJobStatus status = STATUSES.create(job, situation, new History(List.of(), null, null));
    job.setStatus(status);
    return job;
  }

  private static FineTuneJob complete(Integer ttlSeconds) {
    return ended(
        FineTuneJobs.with(false, ttlSeconds, "http://store.example:9000"),
        new Situation.Complete(Reason.Delivered, "done"));
  }

  /** What a job may look like after its end: any Jobs, pods and storage, any flag of the spec. */
  @Property(tries = 500, seed = "1")
  void neverLeadsToAnotherTrainer(
      @ForAll boolean failed,
      @ForAll boolean suspend,
      @ForAll @IntRange(min = -1, max = 100) int ttlSeconds,
      @ForAll @Size(max = 4) List<@IntRange(min = 0, max = 3) Integer> jobStates,
      @ForAll @IntRange(min = 0, max = 3) int run,
      @ForAll @IntRange(min = 0, max = 1000) int secondsLater) {
    Situation situation =
        failed
            ? new Situation.Failed(Reason.Diverged, "not finite")
            : new Situation.Complete(Reason.Delivered, "done");
    FineTuneJob job =
        ended(
            FineTuneJobs.with(suspend, ttlSeconds < 0 ? null : ttlSeconds, "http://s.example"),
            situation);
    List<Job> jobs = new ArrayList<>();
    List<Pod> pods = new ArrayList<>();
    for (int i = 0; i < jobStates.size(); i++) {
      Job child =
          switch (jobStates.get(i)) {
            case 0 -> Scenes.running(job, i + 1);
            case 1 -> Scenes.suspended(Scenes.running(job, i + 1));
            case 2 -> Scenes.failed(job, i + 1, NOW);
            default -> Scenes.succeeded(job, i + 1);
          };
      jobs.add(child);
      pods.add(Scenes.pod(child, "Running"));
    }
    Observation observation =
        new Observation(
            job, jobs, pods, reading(run), List.of("spec: broken"), NOW.plusSeconds(secondsLater));
    assertThat(maker.decide(observation, AttemptLedger.of(observation)))
        .isInstanceOfAny(Decision.Rest.class, Decision.RemoveObjects.class);
  }

  private static RunReading reading(int run) {
    return switch (run) {
      case 0 -> NO_RUN;
      case 1 -> NO_RUN.unreachable("gone");
      case 2 -> RunReading.of(Scenes.head(7, 10, NOW), null);
      default -> RunReading.of(Scenes.delivered(1), null);
    };
  }

  @Test
  void keepsItsObjectsWithoutATimeToLive() {
    FineTuneJob job = complete(null);
    assertThat(
            maker.decide(
                Scenes.observe(job, List.of(Scenes.succeeded(job, 1)), List.of(), NO_RUN),
                List.of()))
        .isEqualTo(new Decision.Rest(Optional.empty()));
  }

  @Test
  void removesItsObjectsAfterTheTimeToLive() {
    FineTuneJob job = complete(60);
    List<Job> jobs = List.of(Scenes.succeeded(job, 1));
    assertThat(maker.decide(Scenes.observe(job, jobs, List.of(), NO_RUN), List.of()))
        .isEqualTo(new Decision.Rest(Optional.of(Duration.ofSeconds(60))));
    Observation later =
        new Observation(job, jobs, List.of(), NO_RUN, List.of(), NOW.plusSeconds(60));
    assertThat(maker.decide(later, List.of())).isEqualTo(new Decision.RemoveObjects());
  }

  @Test
  void restsOnceNothingIsLeft() {
    FineTuneJob job = complete(0);
    assertThat(maker.decide(Scenes.observe(job, List.of(), List.of(), NO_RUN), List.of()))
        .isEqualTo(new Decision.Rest(Optional.empty()));
  }
}
