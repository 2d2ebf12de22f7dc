package dev.finetune.operator.progress;

import dev.finetune.embedded.apiserver.EmbeddedApiServer;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Path;

/**
 * An object store, and an API server with a namespace {@code team} and the Secret of that store.
 *
 * @param store closed with this, as the others
 */
record TeamStore(EmbeddedApiServer server, KubernetesClient client, EmbeddedObjectStore store)
    implements AutoCloseable {
  /** Starts all of it; objects lie in a folder. */
  static TeamStore start(Path folder) throws IOException {
    EmbeddedApiServer server = EmbeddedApiServer.start(0);
    EmbeddedObjectStore store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder));
    store.createBucket(StoredRun.BUCKET);
    KubernetesClient client = server.client();
    client
        .resource(new NamespaceBuilder().withNewMetadata().withName("team").endMetadata().build())
        .create();
    client.resource(StoredRun.secret(store)).create();
    return new TeamStore(server, client, store);
  }

  @Override
  public void close() {
    client.close();
    store.close();
    server.close();
  }
}
