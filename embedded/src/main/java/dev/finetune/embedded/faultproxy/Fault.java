package dev.finetune.embedded.faultproxy;

import java.time.Duration;
import java.util.Map;

/** What happens to a request. */
public sealed interface Fault {
  /**
   * Answers instead of the server, which never sees the request.
   *
   * @param status HTTP status
   * @param code code of an S3 error; empty for an answer without body
   * @param headers headers of the answer besides those of its body
   */
  record Answer(int status, String code, Map<String, String> headers) implements Fault {
    /** Answers without headers of its own. */
    public Answer(int status, String code) {
      this(status, code, Map.of());
    }
  }

  /** Resets the connection: the request is lost, or its answer is. */
  record Reset(Moment moment) implements Fault {}

  /** Takes so many bytes of the request's body and resets the connection. */
  record CutRequest(long bytes) implements Fault {}

  /** Takes so many bytes of the request's body and reads no more, so that sending blocks. */
  record StopReading(long bytes) implements Fault {}

  /** Sends the answer's head and so many bytes of its body, and closes the connection. */
  record CutAnswer(long bytes) implements Fault {}

  /** Sends the answer's body in pieces of so many bytes with a pause before each. */
  record Dribble(int bytes, Duration pause) implements Fault {}

  /** Never answers; the connection stays open until the client gives up. */
  record Hang(Moment moment) implements Fault {}

  /** Passes the request on after a while. */
  record Delay(Duration duration) implements Fault {}

  /** Moves the {@code Date} header of the answer: a server whose clock differs. */
  record ShiftDate(Duration by) implements Fault {}

  /** Keeps a request until it is let go; see {@link FaultProxy#hold}. */
  record Keep(Hold hold) implements Fault {}

  /** HTTP 500 {@code InternalError}. */
  static Fault internalError() {
    return new Answer(500, "InternalError");
  }

  /** HTTP 503 {@code SlowDown}, as S3 limits the rate. */
  static Fault slowDown() {
    return new Answer(503, "SlowDown");
  }

  /** HTTP 503 {@code ServiceUnavailable} with a {@code Retry-After} of whole seconds. */
  static Fault unavailable(Duration retryAfter) {
    return new Answer(
        503, "ServiceUnavailable", Map.of("Retry-After", Long.toString(retryAfter.toSeconds())));
  }

  /** HTTP 507 {@code XMinioStorageFull}, as MinIO answers when its disks are full. */
  static Fault diskFull() {
    return new Answer(507, "XMinioStorageFull");
  }

  /** HTTP 403 {@code QuotaExceeded}, as Ceph answers when a quota is used up. */
  static Fault quotaExceeded() {
    return new Answer(403, "QuotaExceeded");
  }

  /** HTTP 400 {@code ExpiredToken}, as S3 answers to temporary credentials that are over. */
  static Fault expiredToken() {
    return new Answer(400, "ExpiredToken");
  }

  /** HTTP 403 {@code InvalidAccessKeyId}, as S3 answers to a key that was deleted. */
  static Fault unknownKey() {
    return new Answer(403, "InvalidAccessKeyId");
  }

  /** HTTP 403 {@code AccessDenied}. */
  static Fault accessDenied() {
    return new Answer(403, "AccessDenied");
  }

  /** HTTP 403 {@code RequestTimeTooSkewed}. */
  static Fault clockTooSkewed() {
    return new Answer(403, "RequestTimeTooSkewed");
  }
}
