package dev.finetune.trainer.storage;

import java.time.Duration;
import java.time.Instant;
import java.util.function.Supplier;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.utils.SdkAutoCloseable;

/**
 * Credentials that are looked for again once they are refused. The SDK keeps what it found until it
 * runs out by its own account, so that a key that was replaced, or a token that was revoked, would
 * be sent until the process ends.
 */
final class RenewableCredentials implements AwsCredentialsProvider, AutoCloseable {
  private static final Duration LEAST_PAUSE = Duration.ofSeconds(1);

  private final Supplier<? extends AwsCredentialsProvider> source;
  private AwsCredentialsProvider current;
  private Instant found;

  RenewableCredentials(Supplier<? extends AwsCredentialsProvider> source) {
    this.source = source;
    this.current = source.get();
    this.found = Instant.now();
  }

  @Override
  public synchronized AwsCredentials resolveCredentials() {
    return current.resolveCredentials();
  }

  /** Forgets what was found, at most once a second. */
  synchronized void renew() {
    Instant now = Instant.now();
    if (now.isBefore(found.plus(LEAST_PAUSE))) {
      return;
    }
    close();
    current = source.get();
    found = now;
  }

  @Override
  public synchronized void close() {
    if (current instanceof SdkAutoCloseable closeable) {
      closeable.close();
    }
  }
}
