package dev.finetune.operator.progress;

import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** What an error of the storage says to a person: never a key, never an answer's body. */
final class StorageErrors {
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;

  private StorageErrors() {}

  static String describe(SdkException e) {
    if (e instanceof S3Exception answer) {
      String code = answer.awsErrorDetails() == null ? "" : answer.awsErrorDetails().errorCode();
      return "the storage answered " + answer.statusCode() + " " + code + " for the run";
    }
    Throwable root = e;
    while (root.getCause() != null && !root.getCause().equals(root)) {
      root = root.getCause();
    }
    return "the storage: " + root.getClass().getSimpleName() + ": " + root.getMessage();
  }

  /** Returns whether the storage knows the operator not, or does not let it. */
  static boolean isDenial(SdkException e) {
    return e instanceof S3Exception answer
        && (answer.statusCode() == UNAUTHORIZED || answer.statusCode() == FORBIDDEN);
  }
}
