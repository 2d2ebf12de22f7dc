package dev.finetune.operator.dependent;

import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.desired.Labels;
import io.fabric8.kubernetes.api.model.MicroTime;
import io.fabric8.kubernetes.api.model.ObjectReferenceBuilder;
import io.fabric8.kubernetes.api.model.events.v1.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says in an event what no condition holds. The same words about the same job are one event: its
 * name is made of them, and they are not said again within an hour, which is about as long as
 * clusters keep events. An event that cannot be written is logged and missed by no one.
 */
public final class Events {
  /** Whether a person should look. */
  public enum Type {
    /** As it was asked for. */
    NORMAL("Normal"),
    /** Something is in the way. */
    WARNING("Warning");

    private final String word;

    Type(String word) {
      this.word = word;
    }
  }

  private static final Logger LOG = LoggerFactory.getLogger(Events.class);
  private static final Duration SILENCE = Duration.ofHours(1);
  private static final int MAXIMUM_NOTE = 1000;
  private static final int MAXIMUM_KEPT = 1000;
  private static final DateTimeFormatter MICROS =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'").withZone(ZoneOffset.UTC);

  private final KubernetesClient client;
  private final Clock clock;
  private final Map<String, Instant> said =
      Collections.synchronizedMap(
          new LinkedHashMap<>() {
            private static final long serialVersionUID = 1;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Instant> eldest) {
              return size() > MAXIMUM_KEPT;
            }
          });

  /** Creates it; the caller closes the client. */
  public Events(KubernetesClient client, Clock clock) {
    this.client = client;
    this.clock = clock;
  }

  /**
   * Says something about a job.
   *
   * @param reason one word in CamelCase for programs
   * @param action what the operator did or tried, one word in CamelCase
   * @param note one sentence for people, cut at 1,000 characters
   */
  public void say(FineTuneJob job, Type type, String reason, String action, String note) {
    Instant now = clock.instant();
    String name = name(job, reason, note);
    Instant before = said.get(name);
    if (before != null && now.isBefore(before.plus(SILENCE))) {
      return;
    }
    said.put(name, now);
    try {
      client
          .resource(
              event(job, name, now)
                  .withReason(reason)
                  .withAction(action)
                  .withType(type.word)
                  .withNote(cut(note))
                  .build())
          .create();
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
        LOG.info("event {} of {} is not written: {}", reason, name, e.getMessage());
      }
    }
  }

  private static EventBuilder event(FineTuneJob job, String name, Instant now) {
    return new EventBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace(job.getMetadata().getNamespace())
        .endMetadata()
        .withEventTime(new MicroTime(MICROS.format(now)))
        .withReportingController("finetune.dev/" + Labels.OPERATOR)
        .withReportingInstance(Labels.OPERATOR)
        .withRegarding(
            new ObjectReferenceBuilder()
                .withApiVersion(job.getApiVersion())
                .withKind(job.getKind())
                .withName(job.getMetadata().getName())
                .withNamespace(job.getMetadata().getNamespace())
                .withUid(job.getMetadata().getUid())
                .build());
  }

  private static String name(FineTuneJob job, String reason, String note) {
    String words = job.getMetadata().getUid() + "\n" + reason + "\n" + note;
    UUID hash = UUID.nameUUIDFromBytes(words.getBytes(StandardCharsets.UTF_8));
    return job.getMetadata().getName() + "." + hash.toString().replace("-", "").substring(0, 16);
  }

  private static String cut(String note) {
    return note.length() <= MAXIMUM_NOTE ? note : note.substring(0, MAXIMUM_NOTE);
  }
}
