package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import java.security.cert.CertificateException;
import java.util.Locale;
import javax.net.ssl.SSLHandshakeException;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Tells the user's errors from the world's in what S3 says. */
final class S3Failures {
  private S3Failures() {}

  /**
   * Returns the failure that an exception means.
   *
   * @param request what was asked, such as {@code read s3://bucket/key}
   */
  static TrainingFailure of(String request, SdkException e) {
    if (e instanceof S3Exception answer) {
      return ofAnswer(request, answer);
    }
    if (causedBy(e, SSLHandshakeException.class) && causedBy(e, CertificateException.class)) {
      return new InvalidConfiguration(
          "spec.storage.caBundleRef: cannot "
              + request
              + ": the certificate of the endpoint is not trusted; give the PEM bundle of its"
              + " issuer",
          e);
    }
    String message = String.valueOf(e.getMessage());
    if (message.toLowerCase(Locale.ROOT).contains("unable to load credentials")) {
      return new InvalidConfiguration(
          "spec.storage.secretRef: cannot "
              + request
              + ": no credentials found; give a Secret, set AWS_ACCESS_KEY_ID and"
              + " AWS_SECRET_ACCESS_KEY, or give the pod an identity",
          e);
    }
    return new StorageUnreachable("cannot " + request + ": " + rootMessage(e), e);
  }

  /** Returns whether an answer says that a condition did not hold. */
  static boolean isPreconditionFailed(S3Exception e) {
    return e.statusCode() == 412 || e.statusCode() == 409;
  }

  /** Returns whether an answer says that there is no such object, the bucket being there. */
  static boolean isMissingObject(S3Exception e) {
    return e.statusCode() == 404 && !code(e).equals("NoSuchBucket");
  }

  private static TrainingFailure ofAnswer(String request, S3Exception e) {
    String answer = "cannot " + request + ": HTTP " + e.statusCode() + " " + code(e);
    return switch (code(e)) {
      case "NoSuchBucket" ->
          new InvalidConfiguration("spec.storage.uri: " + answer + ": no such bucket", e);
      case "InvalidAccessKeyId", "SignatureDoesNotMatch" ->
          new InvalidConfiguration(
              "spec.storage.secretRef: " + answer + ": the access key or its secret is wrong", e);
      case "AuthorizationHeaderMalformed",
          "PermanentRedirect",
          "IllegalLocationConstraintException" ->
          new InvalidConfiguration(
              "spec.storage.region: " + answer + ": the bucket is in another region", e);
      case "NotImplemented" ->
          new InvalidConfiguration(
              "spec.storage.uri: " + answer + ": the store lacks a needed feature", e);
      case "ExpiredToken", "RequestTimeTooSkewed", "RequestTimeout", "SlowDown" ->
          new StorageUnreachable(answer, e);
      default -> ofStatus(answer, e);
    };
  }

  private static TrainingFailure ofStatus(String answer, S3Exception e) {
    int status = e.statusCode();
    if (status == 401 || status == 403) {
      return new InvalidConfiguration(
          "spec.storage.secretRef: "
              + answer
              + ": access denied; needed are s3:GetObject, s3:PutObject, s3:DeleteObject and"
              + " s3:ListBucket (without the last, a missing object looks forbidden)",
          e);
    }
    if (status >= 500 || status == 408 || status == 429) {
      return new StorageUnreachable(answer, e);
    }
    return new InvalidConfiguration(
        "spec.storage: " + answer + ": " + ObjectKey.printable(details(e)), e);
  }

  private static String code(S3Exception e) {
    AwsErrorDetails details = e.awsErrorDetails();
    return details == null || details.errorCode() == null ? "" : details.errorCode();
  }

  private static String details(S3Exception e) {
    AwsErrorDetails details = e.awsErrorDetails();
    return details == null || details.errorMessage() == null ? "" : details.errorMessage();
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
