package dev.finetune.trainer.chaos;

import dev.finetune.embedded.faultproxy.FaultProxy;
import dev.finetune.embedded.faultproxy.Hold;
import dev.finetune.embedded.faultproxy.Moment;
import dev.finetune.embedded.faultproxy.RequestMatch;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.trainer.recipe.Main;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.ObjectStores;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The embedded S3 server in this process, behind a proxy that can keep a request. */
final class S3Storage implements KillStorage, AutoCloseable {
  private static final String BUCKET = "chaos";

  private final EmbeddedObjectStore server;
  private final FaultProxy proxy;

  private S3Storage(EmbeddedObjectStore server, FaultProxy proxy) {
    this.server = server;
    this.proxy = proxy;
  }

  /** Starts server and proxy. */
  static S3Storage start(Path folder) throws IOException {
    EmbeddedObjectStore server = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder));
    server.createBucket(BUCKET);
    return new S3Storage(server, FaultProxy.before(server.endpoint()));
  }

  @Override
  public String name() {
    return "s3";
  }

  @Override
  public Access access(String run) {
    return access(run, server.endpoint());
  }

  private Access access(String run, URI endpoint) {
    return new Access(
        uri(run),
        Main.class,
        Map.of(
            "AWS_ENDPOINT_URL",
            endpoint.toString(),
            "AWS_ACCESS_KEY_ID",
            server.accessKey(),
            "AWS_SECRET_ACCESS_KEY",
            server.secretKey()));
  }

  private static String uri(String run) {
    return "s3://" + BUCKET + "/" + run;
  }

  @Override
  public Held hold(String run, List<String> requests) {
    RequestSequence sequence = new RequestSequence(requests);
    RequestMatch match =
        RequestMatch.all()
            .where(
                request ->
                    request.key().startsWith(run + "/")
                        && sequence.endsWith(request.method() + " " + request.key()));
    return new HeldByProxy(access(run, proxy.endpoint()), proxy.hold(match, Moment.BEFORE));
  }

  private record HeldByProxy(Access access, Hold hold) implements Held {
    @Override
    public boolean caught() {
      return hold.caught();
    }

    @Override
    public void release() {
      hold.release();
    }
  }

  @Override
  public ObjectStore open(String run) {
    return ObjectStores.open(
        uri(run), StorageSettings.at(server.endpoint(), server.accessKey(), server.secretKey()));
  }

  @Override
  public void close() throws IOException {
    proxy.close();
    server.close();
  }
}
