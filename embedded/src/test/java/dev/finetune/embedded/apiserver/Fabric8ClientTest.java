package dev.finetune.embedded.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The client that operators use, as they configure it: WebSocket watches first. */
class Fabric8ClientTest {
  private EmbeddedApiServer server;
  private KubernetesClient client;

  @BeforeEach
  void start() throws Exception {
    server =
        EmbeddedApiServer.start(
            0, Path.of(Fabric8ClientTest.class.getResource("/crds/experiments.yaml").toURI()));
    Config config =
        new ConfigBuilder(Config.empty())
            .withMasterUrl(server.url())
            .withNamespace("default")
            .build();
    client = new KubernetesClientBuilder().withConfig(config).build();
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  @Test
  void informersSeeChanges() throws Exception {
    BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    var informer =
        client
            .pods()
            .inform(
                new ResourceEventHandler<Pod>() {
                  @Override
                  public void onAdd(Pod pod) {
                    seen.add("added " + pod.getMetadata().getName());
                  }

                  @Override
                  public void onUpdate(Pod old, Pod pod) {
                    seen.add("updated " + pod.getStatus().getPhase());
                  }

                  @Override
                  public void onDelete(Pod pod, boolean unknown) {
                    seen.add("deleted " + pod.getMetadata().getName());
                  }
                });
    client.resource(pod("a")).create();
    assertThat(seen.poll(10, TimeUnit.SECONDS)).isEqualTo("added a");
    client
        .pods()
        .withName("a")
        .editStatus(
            p -> new PodBuilder(p).editOrNewStatus().withPhase("Running").endStatus().build());
    assertThat(seen.poll(10, TimeUnit.SECONDS)).isEqualTo("updated Running");
    client.pods().withName("a").delete();
    assertThat(seen.poll(10, TimeUnit.SECONDS)).isEqualTo("deleted a");
    informer.close();
  }

  @Test
  void serverSideApplyAndStatusRoundTrip() {
    GenericKubernetesResource experiment =
        client
            .getKubernetesSerialization()
            .unmarshal(
                "apiVersion: lab.example/v1\nkind: Experiment\nmetadata: {name: x}\nspec: {model: m}",
                GenericKubernetesResource.class);
    var applied = client.resource(experiment).fieldManager("op").serverSideApply();
    assertThat(applied.<Object>get("spec", "rank")).isEqualTo(16);
    var status =
        client
            .getKubernetesSerialization()
            .unmarshal(
                "apiVersion: lab.example/v1\nkind: Experiment\nmetadata: {name: x}\nstatus: {phase: Running}",
                GenericKubernetesResource.class);
    var written =
        client
            .resource(status)
            .subresource("status")
            .patch(
                new PatchContext.Builder()
                    .withPatchType(PatchType.SERVER_SIDE_APPLY)
                    .withFieldManager("op")
                    .build());
    assertThat(written.<Object>get("status", "phase")).isEqualTo("Running");
    assertThat(written.<Object>get("spec", "model")).isEqualTo("m");
  }

  private static Pod pod(String name) {
    return new PodBuilder()
        .withNewMetadata()
        .withName(name)
        .endMetadata()
        .withNewSpec()
        .addNewContainer()
        .withName("c")
        .endContainer()
        .endSpec()
        .build();
  }
}
