package dev.finetune.operator.reconcile;

import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.progress.S3RunChanges;
import dev.finetune.operator.progress.S3RunReader;
import io.fabric8.kubernetes.client.KubernetesClient;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Clock;

/** What the reconciler is made of in the packaged operator. */
public class OperatorBeans {
  @Produces
  @Singleton
  Clock clock() {
    return Clock.systemUTC();
  }

  @Produces
  @Singleton
  S3RunReader runReader(KubernetesClient client, OperatorConfig config, Clock clock) {
    return new S3RunReader(client, config.storage(), clock);
  }

  void close(@Disposes S3RunReader reader) {
    reader.close();
  }

  @Produces
  @Singleton
  S3RunChanges runChanges(KubernetesClient client, OperatorConfig config, Clock clock) {
    return new S3RunChanges(client, config.storage(), clock);
  }

  void close(@Disposes S3RunChanges changes) {
    changes.close();
  }
}
