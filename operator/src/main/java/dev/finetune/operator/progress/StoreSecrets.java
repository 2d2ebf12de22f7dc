package dev.finetune.operator.progress;

import dev.finetune.api.spec.ConfigMapKeyReference;
import dev.finetune.api.spec.SecretReference;
import dev.finetune.api.spec.Storage;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;

/** Gets the keys to a job's storage from its own namespace, by name and never by list or watch. */
final class StoreSecrets {
  private final KubernetesClient client;

  StoreSecrets(KubernetesClient client) {
    this.client = client;
  }

  /**
   * Returns the credentials of a storage.
   *
   * @throws NotReadable if the job names no Secret, or one that lacks a key
   */
  AwsCredentials credentials(String namespace, Storage storage) throws NotReadable {
    SecretReference reference = storage.secretRef();
    if (reference == null) {
      throw NotReadable.byItsSpec(
          "spec.storage.secretRef: absent, so the operator cannot read the run; it never uses an"
              + " identity of its own");
    }
    Secret secret = client.secrets().inNamespace(namespace).withName(reference.name()).get();
    if (secret == null) {
      throw NotReadable.forNow(
          "spec.storage.secretRef: there is no Secret " + namespace + "/" + reference.name());
    }
    String id = required(secret, "AWS_ACCESS_KEY_ID");
    String key = required(secret, "AWS_SECRET_ACCESS_KEY");
    return find(secret, "AWS_SESSION_TOKEN")
        .<AwsCredentials>map(token -> AwsSessionCredentials.create(id, key, token))
        .orElseGet(() -> AwsBasicCredentials.create(id, key));
  }

  /**
   * Returns the PEM certificates to trust when calling the storage, or null for those of the
   * machine.
   *
   * @throws NotReadable if the job names a ConfigMap that is not there or lacks the key
   */
  @Nullable String caBundle(String namespace, Storage storage) throws NotReadable {
    ConfigMapKeyReference reference = storage.caBundleRef();
    if (reference == null) {
      return null;
    }
    ConfigMap configMap =
        client.configMaps().inNamespace(namespace).withName(reference.name()).get();
    String pem =
        configMap == null || configMap.getData() == null
            ? null
            : configMap.getData().get(reference.key());
    if (pem == null) {
      throw NotReadable.forNow(
          "spec.storage.caBundleRef: there is no key "
              + reference.key()
              + " in a ConfigMap "
              + namespace
              + "/"
              + reference.name());
    }
    return pem;
  }

  private static String required(Secret secret, String key) throws NotReadable {
    return find(secret, key)
        .orElseThrow(
            () ->
                NotReadable.forNow(
                    "spec.storage.secretRef: Secret "
                        + secret.getMetadata().getName()
                        + " lacks the key "
                        + key));
  }

  private static Optional<String> find(Secret secret, String key) {
    // Only a stand-in for an API server leaves stringData as it is.
    Map<String, String> plain = secret.getStringData() == null ? Map.of() : secret.getStringData();
    Map<String, String> data = secret.getData() == null ? Map.of() : secret.getData();
    String encoded = data.get(key);
    return encoded == null
        ? Optional.ofNullable(plain.get(key))
        : Optional.of(new String(Base64.getDecoder().decode(encoded), StandardCharsets.UTF_8));
  }
}
