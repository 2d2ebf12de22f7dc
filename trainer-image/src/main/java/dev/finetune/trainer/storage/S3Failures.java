package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import java.security.cert.CertificateException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/**
 * Tells the user's errors from the world's in what S3 says.
 *
 * @param request what was asked, such as {@code read s3://bucket/key}
 * @param worked whether the credentials worked before, so that they are being replaced and are not
 *     wrong
 * @param allowed whether this kind of request was allowed before
 */
record S3Failures(String request, boolean worked, boolean allowed) {
  /** Codes of credentials that are not known, do not fit or are over. */
  private static final Set<String> CREDENTIALS =
      Set.of(
          "InvalidAccessKeyId",
          "SignatureDoesNotMatch",
          "ExpiredToken",
          "InvalidToken",
          "TokenRefreshRequired");

  /** Codes of a store that has no room, as AWS, Ceph, MinIO and others give them. */
  private static final Set<String> FULL =
      Set.of(
          "QuotaExceeded",
          "InsufficientStorage",
          "InsufficientCapacity",
          "XMinioStorageFull",
          "XMinioAdminBucketQuotaExceeded");

  /** Codes below 500 that another try may not meet. */
  private static final Set<String> PASSING =
      Set.of(
          "RequestTimeout",
          "SlowDown",
          "IncompleteBody",
          "BadDigest",
          "XAmzContentSHA256Mismatch",
          "NoSuchUpload",
          "InvalidPart",
          "OperationAborted",
          "ConditionalRequestConflict");

  private static final Set<String> REGION =
      Set.of(
          "AuthorizationHeaderMalformed",
          "PermanentRedirect",
          "TemporaryRedirect",
          "IllegalLocationConstraintException");

  /** Returns whether an answer says that a condition did not hold. */
  static boolean isPreconditionFailed(S3Exception e) {
    return e.statusCode() == 412 || e.statusCode() == 409;
  }

  /** Returns whether an answer says that there is no such object, the bucket being there. */
  static boolean isMissingObject(S3Exception e) {
    return e.statusCode() == 404 && !code(e).equals("NoSuchBucket");
  }

  /** Returns whether other credentials might be answered otherwise. */
  static boolean isAboutCredentials(SdkException e) {
    if (e instanceof S3Exception answer) {
      return CREDENTIALS.contains(code(answer))
          || ((answer.statusCode() == 401 || answer.statusCode() == 403)
              && !FULL.contains(code(answer)));
    }
    return e instanceof AwsServiceException || noCredentials(e);
  }

  /** Returns the failure that an exception means. */
  TrainingFailure of(SdkException e) {
    return switch (e) {
      case S3Exception answer -> ofAnswer(answer);
      // Another service of AWS: the one that gives out credentials.
      case AwsServiceException service when service.statusCode() < 500 ->
          credentials("cannot " + request + ": no credentials: " + rootMessage(e), e);
      default -> ofClient(e);
    };
  }

  private TrainingFailure ofClient(SdkException e) {
    if (causedBy(e, SSLHandshakeException.class) && causedBy(e, CertificateException.class)) {
      return new InvalidConfiguration(
          "spec.storage.caBundleRef: cannot "
              + request
              + ": the certificate of the endpoint is not trusted; give the PEM bundle of its"
              + " issuer",
          e);
    }
    if (noCredentials(e) && !worked) {
      return new InvalidConfiguration(
          "spec.storage.secretRef: cannot "
              + request
              + ": no credentials found; give a Secret, set AWS_ACCESS_KEY_ID and"
              + " AWS_SECRET_ACCESS_KEY, or give the pod an identity",
          e);
    }
    return new StorageUnreachable("cannot " + request + ": " + rootMessage(e), e);
  }

  private TrainingFailure ofAnswer(S3Exception e) {
    String code = code(e);
    String answer =
        "cannot " + request + ": HTTP " + e.statusCode() + " " + ObjectKey.printable(code);
    if (CREDENTIALS.contains(code)) {
      return credentials(answer, e);
    }
    if (FULL.contains(code) || e.statusCode() == 507) {
      return new StorageUnreachable(
          answer + ": the bucket or its disks are full; make room or raise the quota", e);
    }
    if (PASSING.contains(code)) {
      return new StorageUnreachable(answer, e, retryAfter(e));
    }
    if (REGION.contains(code)) {
      return new InvalidConfiguration(
          "spec.storage.region: " + answer + ": the bucket is in another region" + region(e), e);
    }
    return switch (code) {
      case "NoSuchBucket" ->
          new InvalidConfiguration("spec.storage.uri: " + answer + ": no such bucket", e);
      case "NotImplemented" ->
          new InvalidConfiguration(
              "spec.storage.uri: " + answer + ": the store lacks a needed feature", e);
      case "RequestTimeTooSkewed" -> new StorageUnreachable(answer + ": " + skew(e), e);
      default -> ofStatus(answer, e);
    };
  }

  private TrainingFailure ofStatus(String answer, S3Exception e) {
    int status = e.statusCode();
    if (status == 401 || status == 403) {
      String denied = answer + ": access denied";
      return allowed
          ? new StorageUnreachable(denied + ", though it was allowed before", e)
          : new InvalidConfiguration(
              "spec.storage.secretRef: "
                  + denied
                  + "; needed are s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket"
                  + " (without the last, a missing object looks forbidden)",
              e);
    }
    // The answer to a HEAD has no body that would tell a token that is over from anything else.
    boolean unexplained = status == 400 && code(e).isEmpty() && worked;
    if (unexplained || status >= 500 || status == 408 || status == 429) {
      return new StorageUnreachable(answer, e, retryAfter(e));
    }
    if (status >= 300 && status < 400) {
      return new InvalidConfiguration(
          "spec.storage.endpoint: "
              + answer
              + ": redirects are not followed"
              + header(e, "Location").map(to -> "; it points to " + to).orElse(""),
          e);
    }
    return new InvalidConfiguration(
        "spec.storage: " + answer + ": " + ObjectKey.printable(details(e)), e);
  }

  private TrainingFailure credentials(String answer, SdkException e) {
    return worked
        ? new StorageUnreachable(
            answer
                + ": the credentials worked before and are refused now; files and identities are"
                + " read again at each try, keys in variables need a new process",
            e)
        : new InvalidConfiguration(
            "spec.storage.secretRef: "
                + answer
                + ": the access key or its secret is wrong, or the credentials are over",
            e);
  }

  /** Says by how much the clocks differ, if the answer tells the store's time. */
  private static String skew(S3Exception e) {
    return clockDifference(header(e, "Date").orElse(null), Instant.now())
        .map(
            difference ->
                "the clock of this machine is "
                    + difference.abs().toSeconds()
                    + " s "
                    + (difference.isNegative() ? "behind" : "ahead of")
                    + " the store's; the next try is signed with the store's time")
        .orElse("the clocks of this machine and the store differ; set one of them right");
  }

  /** Returns by how much {@code now} is ahead of an HTTP date, or empty if it is none. */
  static Optional<Duration> clockDifference(@Nullable String date, Instant now) {
    if (date == null) {
      return Optional.empty();
    }
    try {
      Instant theirs = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(date));
      return Optional.of(Duration.between(theirs, now));
    } catch (DateTimeException e) {
      return Optional.empty();
    }
  }

  private static @Nullable Duration retryAfter(S3Exception e) {
    String text = header(e, "Retry-After").orElse("");
    if (text.matches("\\d{1,9}")) {
      return Duration.ofSeconds(Long.parseLong(text));
    }
    return clockDifference(text, Instant.now())
        .map(Duration::negated)
        .filter(Duration::isPositive)
        .orElse(null);
  }

  private static String region(S3Exception e) {
    return header(e, "x-amz-bucket-region").map(region -> ", " + region).orElse("");
  }

  private static Optional<String> header(S3Exception e, String name) {
    AwsErrorDetails details = e.awsErrorDetails();
    return details == null || details.sdkHttpResponse() == null
        ? Optional.empty()
        : details.sdkHttpResponse().firstMatchingHeader(name).map(ObjectKey::printable);
  }

  private static String code(S3Exception e) {
    AwsErrorDetails details = e.awsErrorDetails();
    return details == null || details.errorCode() == null ? "" : details.errorCode();
  }

  private static String details(S3Exception e) {
    AwsErrorDetails details = e.awsErrorDetails();
    return details == null || details.errorMessage() == null ? "" : details.errorMessage();
  }

  private static boolean noCredentials(SdkException e) {
    return String.valueOf(e.getMessage())
        .toLowerCase(Locale.ROOT)
        .contains("unable to load credentials");
  }

  private static boolean causedBy(Throwable e, Class<? extends Throwable> type) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (type.isInstance(cause)) {
        return true;
      }
    }
    return false;
  }

  private static String rootMessage(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String message = root.getMessage();
    return ObjectKey.printable(
        root.getClass().getSimpleName() + (message == null ? "" : ": " + message));
  }
}
