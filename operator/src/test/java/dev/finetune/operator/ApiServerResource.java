package dev.finetune.operator;

import dev.finetune.embedded.apiserver.EmbeddedApiServer;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** An API server with the CRD for tests of the packaged parts. */
public final class ApiServerResource implements QuarkusTestResourceLifecycleManager {
  private EmbeddedApiServer server;

  @Override
  public Map<String, String> start() {
    try {
      Path crds = Files.createTempDirectory("crds");
      new CRDGenerator()
          .customResourceClasses(FineTuneJob.class)
          .inOutputDir(crds.toFile())
          .generate();
      server = EmbeddedApiServer.start(0, crds);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Map<String, String> client =
        Map.of(
            "kubernetes.master", server.url(),
            "kubernetes.namespace", "default",
            "kubernetes.auth.tryKubeConfig", "false",
            "kubernetes.auth.tryServiceAccount", "false",
            "http2.disable", "true");
    // The client reads these from the system, not from the configuration of the application.
    client.forEach(System::setProperty);
    return Map.of();
  }

  @Override
  public void stop() {
    server.close();
  }
}
