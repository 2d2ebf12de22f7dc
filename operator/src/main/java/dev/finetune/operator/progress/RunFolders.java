package dev.finetune.operator.progress;

import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.Storage;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.net.URI;
import java.util.Optional;

/**
 * Opens the folder of a job's run, with the credentials of the job's own namespace and only where
 * the operator may go. The caller closes it.
 */
final class RunFolders implements AutoCloseable {
  private static final String S3 = "s3://";

  private final OperatorConfig.Storage config;
  private final EndpointPolicy policy;
  private final StoreSecrets secrets;
  private final StoreClients clients;

  RunFolders(KubernetesClient client, OperatorConfig.Storage config) {
    this.config = config;
    this.policy = new EndpointPolicy(config);
    this.secrets = new StoreSecrets(client);
    this.clients = new StoreClients(config, policy);
  }

  /**
   * Opens the folder of a job's run.
   *
   * @throws NotReadable if the operator may not or cannot use this storage
   */
  RunFolder open(FineTuneJob job) throws NotReadable {
    Storage storage = job.getSpec().storage();
    Optional<URI> endpoint = endpoint(storage);
    check(storage, endpoint);
    String namespace = job.getMetadata().getNamespace();
    String rest = storage.uri().substring(S3.length());
    int slash = rest.indexOf('/');
    String bucket = slash < 0 ? rest : rest.substring(0, slash);
    String prefix = slash < 0 ? "" : rest.substring(slash + 1).replaceAll("/+$", "");
    String folder =
        (prefix.isEmpty() ? "" : prefix + "/")
            + StorageLayout.runFolder(
                namespace, job.getMetadata().getName(), SpecHash.of(job.getSpec()));
    try {
      StoreClients.Store store =
          clients.open(
              storage,
              endpoint,
              secrets.credentials(namespace, storage),
              secrets.caBundle(namespace, storage));
      return new RunFolder(
          store,
          new ObjectReader(store.client(), bucket, config.maximumObjectBytes()),
          new ObjectWriter(store.client(), bucket),
          folder);
    } catch (IllegalArgumentException e) {
      throw NotReadable.byItsSpec("spec.storage: " + e.getMessage());
    }
  }

  @Override
  public void close() {
    clients.close();
  }

  private Optional<URI> endpoint(Storage storage) throws NotReadable {
    String endpoint = config.endpointOverride().orElse(storage.endpoint());
    if (endpoint == null) {
      return Optional.empty();
    }
    try {
      URI uri = URI.create(endpoint);
      if (uri.getHost() == null) {
        throw NotReadable.byItsSpec("spec.storage.endpoint: must name a host, was " + endpoint);
      }
      return Optional.of(uri);
    } catch (IllegalArgumentException _) {
      throw NotReadable.byItsSpec("spec.storage.endpoint: must be a URL, was " + endpoint);
    }
  }

  private void check(Storage storage, Optional<URI> endpoint) throws NotReadable {
    if (!storage.uri().startsWith(S3)) {
      throw NotReadable.byItsSpec(
          "spec.storage.uri: must start with s3:// for the operator to read it, was "
              + storage.uri());
    }
    Optional<String> refusal = policy.refusalOfUri(storage.uri());
    if (refusal.isEmpty() && config.endpointOverride().isEmpty()) {
      refusal = policy.refusalOfEndpoint(endpoint);
    }
    if (refusal.isPresent()) {
      throw NotReadable.byItsSpec(refusal.get());
    }
  }
}
