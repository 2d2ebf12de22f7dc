package dev.finetune.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.reconcile.FineTuneJobReconciler;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.config.ControllerConfiguration;
import io.javaoperatorsdk.operator.processing.retry.RetryExecution;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The operator as Quarkus puts it together. */
@QuarkusTest
@QuarkusTestResource(ApiServerResource.class)
class WiringTest {
  @Inject Operator operator;
  @Inject KubernetesClient client;
  @Inject OperatorConfig config;

  @TestHTTPResource("/q/metrics")
  URI metrics;

  @Test
  void reconcilesAndMeasures() {
    operator.start();
    try {
      FineTuneJob job = FineTuneJobs.minimal();
      job.getMetadata().setNamespace("default");
      job.getMetadata().setUid(null);
      job.getMetadata().setGeneration(null);
      client.resource(job).create();
      await()
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(
              () ->
                  assertThat(
                          client
                              .batch()
                              .v1()
                              .jobs()
                              .inNamespace("default")
                              .withName("alpaca-1")
                              .get())
                      .isNotNull());
      await()
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(() -> assertThat(scrape()).contains("reconciliations"));
    } finally {
      operator.stop();
    }
  }

  private String scrape() throws IOException, InterruptedException {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(HttpRequest.newBuilder(metrics).build(), BodyHandlers.ofString()).body();
    }
  }

  @Test
  void retriesWithoutEnd() {
    ControllerConfiguration<?> controller =
        operator.getRegisteredController("finetunejob").orElseThrow().getConfiguration();
    assertThat(controller.getAssociatedReconcilerClassName())
        .isEqualTo(FineTuneJobReconciler.class.getName());
    RetryExecution retry = controller.getRetry().initExecution();
    for (int i = 0; i < 1000; i++) {
      retry.nextDelay();
    }
    assertThat(retry.isLastAttempt()).isFalse();
    assertThat(retry.nextDelay()).hasValue(Duration.ofMinutes(5).toMillis());
  }

  @Test
  void hasTheDocumentedDefaults() {
    assertThat(config.polling().interval()).isEqualTo(Duration.ofSeconds(5));
    assertThat(config.polling().progressWriteInterval()).isEqualTo(Duration.ofSeconds(15));
    assertThat(config.retry().maxAttemptsWithoutProgress()).isEqualTo(5);
    assertThat(config.trainer().terminationGracePeriod()).isEqualTo(Duration.ofSeconds(120));
    assertThat(config.storage().allowLoopback()).isFalse();
  }
}
