package dev.finetune.operator.progress;

import dev.finetune.api.spec.Storage;
import dev.finetune.operator.config.OperatorConfig;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Optional;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.apache.ProxyConfiguration;
import software.amazon.awssdk.profiles.ProfileFile;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/**
 * Makes the S3 client for one reading. Connections are shared between jobs, clients are not: they
 * hold a user's credentials.
 */
final class StoreClients implements AutoCloseable {
  private final OperatorConfig.Storage config;
  private final EndpointPolicy policy;
  private final SdkHttpClient shared;

  StoreClients(OperatorConfig.Storage config, EndpointPolicy policy) {
    this.config = config;
    this.policy = policy;
    this.shared = http(null);
  }

  /** Returns a client and, if it is not shared, what carries its requests. The caller closes it. */
  Store open(
      Storage storage, Optional<URI> endpoint, AwsCredentials credentials, @Nullable String ca)
      throws NotReadable {
    SdkHttpClient http = ca == null ? shared : http(trust(ca));
    S3ClientBuilder builder =
        S3Client.builder()
            .httpClient(http)
            .region(Region.of(storage.region()))
            .credentialsProvider(StaticCredentialsProvider.create(credentials))
            .forcePathStyle(storage.usesPathStyle())
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .overrideConfiguration(
                override ->
                    override
                        // Files of the operator's own machine must not change how it calls.
                        .defaultProfileFile(ProfileFile.aggregator().build())
                        .apiCallTimeout(config.requestTimeout())
                        .retryStrategy(retry -> retry.maxAttempts(2)));
    endpoint.ifPresent(builder::endpointOverride);
    return new Store(builder.build(), ca == null ? null : http);
  }

  @Override
  public void close() {
    shared.close();
  }

  /** A client and, if it is its own, what carries its requests. */
  record Store(S3Client client, @Nullable SdkHttpClient own) implements AutoCloseable {
    @Override
    public void close() {
      client.close();
      if (own != null) {
        own.close();
      }
    }
  }

  private SdkHttpClient http(TrustManager @Nullable [] trust) {
    ApacheHttpClient.Builder builder =
        ApacheHttpClient.builder()
            .connectionTimeout(config.connectTimeout())
            .socketTimeout(config.requestTimeout())
            .proxyConfiguration(
                ProxyConfiguration.builder()
                    .useSystemPropertyValues(false)
                    .useEnvironmentVariableValues(false)
                    .build())
            .dnsResolver(policy::resolve);
    if (trust != null) {
      builder.tlsTrustManagersProvider(() -> trust);
    }
    return builder.build();
  }

  private static TrustManager[] trust(String pem) throws NotReadable {
    try {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      int index = 0;
      for (Certificate certificate :
          CertificateFactory.getInstance("X.509")
              .generateCertificates(
                  new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)))) {
        store.setCertificateEntry("ca-" + index++, certificate);
      }
      if (index == 0) {
        throw NotReadable.forNow(
            "spec.storage.caBundleRef: must hold a PEM certificate, holds none");
      }
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(store);
      return factory.getTrustManagers();
    } catch (GeneralSecurityException | IOException e) {
      throw NotReadable.forNow(
          "spec.storage.caBundleRef: must hold PEM certificates: " + e.getMessage());
    }
  }
}
