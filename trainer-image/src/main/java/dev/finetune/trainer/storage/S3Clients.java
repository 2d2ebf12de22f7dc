package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Collection;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/** Makes S3 clients that do only what they are told: one request, no checksum of their own. */
final class S3Clients {
  private static final Duration LONGEST_CONNECT = Duration.ofSeconds(10);
  private static final long MAX_BUNDLE_BYTES = 4 << 20;

  private S3Clients() {}

  /** A client and the credentials that it signs with. */
  record Opened(S3Client client, RenewableCredentials credentials) implements AutoCloseable {
    @Override
    public void close() {
      client.close();
      credentials.close();
    }
  }

  static Opened open(StorageSettings settings) {
    RenewableCredentials credentials = credentials(settings.credentials());
    return new Opened(client(settings, credentials), credentials);
  }

  private static S3Client client(StorageSettings settings, RenewableCredentials credentials) {
    Duration silence = settings.silence();
    Duration connect = silence.compareTo(LONGEST_CONNECT) < 0 ? silence : LONGEST_CONNECT;
    ApacheHttpClient.Builder http =
        ApacheHttpClient.builder().connectionTimeout(connect).socketTimeout(silence);
    Path caBundle = settings.caBundle();
    if (caBundle != null) {
      TrustManager[] trusted = trustManagers(caBundle);
      http.tlsTrustManagersProvider(() -> trusted);
    }
    S3ClientBuilder client =
        S3Client.builder()
            .region(Region.of(settings.region()))
            .forcePathStyle(settings.pathStyle())
            .credentialsProvider(credentials)
            // Stores other than AWS refuse or ignore the newer checksums.
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            // A conditional write that is sent twice fails on itself; we alone decide what to
            // repeat.
            .overrideConfiguration(
                override -> override.retryStrategy(AwsRetryStrategy.doNotRetry()))
            .httpClientBuilder(http);
    if (settings.endpoint() != null) {
      client.endpointOverride(settings.endpoint());
    }
    return client.build();
  }

  private static RenewableCredentials credentials(StorageSettings.@Nullable Credentials keys) {
    if (keys == null) {
      return new RenewableCredentials(() -> DefaultCredentialsProvider.builder().build());
    }
    AwsCredentialsProvider fixed =
        StaticCredentialsProvider.create(
            AwsBasicCredentials.create(keys.accessKey(), keys.secretKey()));
    return new RenewableCredentials(() -> fixed);
  }

  /** Returns what trusts the certificates of a PEM file and those of the Java runtime. */
  static TrustManager[] trustManagers(Path caBundle) {
    try {
      KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
      trusted.load(null, null);
      int count = 0;
      for (X509Certificate certificate : runtimeCertificates()) {
        trusted.setCertificateEntry("runtime-" + count++, certificate);
      }
      for (Certificate certificate : read(caBundle)) {
        trusted.setCertificateEntry("bundle-" + count++, certificate);
      }
      return factory(trusted).getTrustManagers();
    } catch (IOException | GeneralSecurityException e) {
      throw new InvalidConfiguration(
          "spec.storage.caBundleRef: must be a PEM file with certificates, but "
              + caBundle
              + " is not: "
              + e.getMessage(),
          e);
    }
  }

  private static Collection<? extends Certificate> read(Path caBundle)
      throws IOException, GeneralSecurityException {
    if (Files.size(caBundle) > MAX_BUNDLE_BYTES) {
      throw new IOException("larger than " + MAX_BUNDLE_BYTES + " bytes");
    }
    try (InputStream in = Files.newInputStream(caBundle)) {
      Collection<? extends Certificate> certificates =
          CertificateFactory.getInstance("X.509").generateCertificates(in);
      if (certificates.isEmpty()) {
        throw new IOException("no certificate in it");
      }
      return certificates;
    }
  }

  private static X509Certificate[] runtimeCertificates() throws GeneralSecurityException {
    for (TrustManager manager : factory(null).getTrustManagers()) {
      if (manager instanceof X509TrustManager x509) {
        return x509.getAcceptedIssuers();
      }
    }
    return new X509Certificate[0];
  }

  private static TrustManagerFactory factory(@Nullable KeyStore trusted)
      throws GeneralSecurityException {
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(trusted);
    return factory;
  }
}
