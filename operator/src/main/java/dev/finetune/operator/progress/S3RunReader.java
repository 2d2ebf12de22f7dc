package dev.finetune.operator.progress;

import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.status.ProgressStatus;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.progress.ObjectReader.Content;
import dev.finetune.operator.progress.RunRules.Newest;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;

/**
 * Reads the head and the progress of a run from S3, with the credentials of the job's own
 * namespace, by conditional GET, and believes neither before it is checked. What was read is kept
 * by the UID of the job, so that an unchanged run costs two answers without a body.
 */
public final class S3RunReader implements RunReader, AutoCloseable {
  /** How long a storage that did not answer, or a broken run, is left alone. */
  private static final Duration PAUSE = Duration.ofSeconds(10);

  private final RunFolders folders;
  private final Clock clock;
  private final Map<String, Known> known = Recent.map();

  /** Creates a reader; the caller closes it. */
  public S3RunReader(KubernetesClient client, OperatorConfig.Storage config, Clock clock) {
    this.folders = new RunFolders(client, config);
    this.clock = clock;
  }

  @Override
  public RunReading read(FineTuneJob job, Duration maximumAge) {
    String uid = job.getMetadata().getUid();
    Known last = known.getOrDefault(uid, Known.NOTHING);
    Instant now = clock.instant();
    Duration age = isHopeless(last.reading().access()) ? PAUSE : maximumAge;
    if (now.isBefore(last.time().plus(age))) {
      return last.reading();
    }
    Known next = readNow(job, last, now);
    known.put(uid, next);
    return next.reading();
  }

  @Override
  public void forget(String uid) {
    known.remove(uid);
  }

  @Override
  public void close() {
    folders.close();
  }

  private static boolean isHopeless(RunReading.Access access) {
    return switch (access) {
      case UNREACHABLE, BROKEN -> true;
      case READ, NOT_READABLE -> false;
    };
  }

  private Known readNow(FineTuneJob job, Known last, Instant now) {
    try (RunFolder folder = folders.open(job)) {
      return readRun(folder, job, last, now);
    } catch (NotReadable e) {
      return last.with(now, RunReading.notReadable(String.valueOf(e.getMessage())));
    } catch (SdkException e) {
      return last.with(now, last.reading().unreachable(StorageErrors.describe(e)));
    } catch (IOException e) {
      return last.with(
          now, last.reading().unreachable("the run is not readable: " + e.getMessage()));
    } catch (BrokenRun e) {
      return last.with(now, last.reading().broken(String.valueOf(e.getMessage())));
    }
  }

  private static Known readRun(RunFolder folder, FineTuneJob job, Known last, Instant now)
      throws BrokenRun, IOException {
    Content content = folder.get(StorageLayout.HEAD, last.headTag()).orElse(null);
    if (content == null) {
      return new Known(now, RunReading.of(null, null), null, null, null);
    }
    Head head = last.reading().head();
    if (content.bytes() != null) {
      head = RunFolder.parseSealed(StorageLayout.HEAD, content.bytes(), Head.class);
      RunRules.check(head);
      RunRules.checkOrder(head, newest(job, last));
      if (head.delivered() != null) {
        DeliveredAdapter.check(folder, head.delivered(), SpecHash.of(job.getSpec()));
      }
    }
    if (head == null) {
      throw new BrokenRun(StorageLayout.HEAD + ": is said to be as it never was");
    }
    return readProgress(folder, head, content.etag(), last, now);
  }

  /** A report that cannot be read hides nothing but itself: the head is the truth. */
  private static Known readProgress(
      RunFolder folder, Head head, String headTag, Known last, Instant now) throws IOException {
    String name = StorageLayout.progress(head.attempt());
    boolean same = name.equals(last.progressName());
    Progress before = same ? last.reading().progress() : null;
    String tag = same ? last.progressTag() : null;
    try {
      Content report = folder.get(name, tag).orElse(null);
      if (report == null) {
        return new Known(now, RunReading.of(head, null), headTag, name, null);
      }
      Progress progress = before;
      if (report.bytes() != null) {
        progress = RunFolder.parse(name, report.bytes(), Progress.class);
        RunRules.check(name, progress, head.attempt(), before);
      }
      return new Known(now, RunReading.of(head, progress), headTag, name, report.etag());
    } catch (BrokenRun e) {
      RunReading reading = RunReading.without(head, before, String.valueOf(e.getMessage()));
      return new Known(now, reading, headTag, name, tag);
    }
  }

  /** Returns the newest that is known: read by this process, or reported in the job's status. */
  private static Newest newest(FineTuneJob job, Known last) {
    if (last.reading().head() != null) {
      return Newest.of(last.reading().head());
    }
    ProgressStatus reported = job.getStatus() == null ? null : job.getStatus().progress();
    if (reported == null || reported.attempt() == null || reported.lastUpdateTime() == null) {
      return Newest.NOTHING;
    }
    try {
      return new Newest(reported.attempt(), Instant.parse(reported.lastUpdateTime()));
    } catch (DateTimeException _) {
      // Someone else wrote the time; it says nothing.
      return Newest.NOTHING;
    }
  }

  /** What is kept of a run between two readings. */
  private record Known(
      Instant time,
      RunReading reading,
      @Nullable String headTag,
      @Nullable String progressName,
      @Nullable String progressTag) {
    static final Known NOTHING =
        new Known(Instant.EPOCH, RunReading.of(null, null), null, null, null);

    Known with(Instant now, RunReading next) {
      boolean kept = next.access() != RunReading.Access.NOT_READABLE;
      return new Known(
          now, next, kept ? headTag : null, kept ? progressName : null, kept ? progressTag : null);
    }
  }
}
