package dev.finetune.operator.dependent;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Sets and removes the finalizer that keeps a job until its run is deleted. Only this one entry is
 * touched, by a JSON patch that tests what it is built on: the job's other fields are others' to
 * write.
 */
public final class Finalizers {
  /** Keeps a job that is deleted together with its run. */
  public static final String STORAGE = "finetune.dev/storage";

  private static final String PATH = "/metadata/finalizers";

  private final KubernetesClient client;

  /** Creates it; the caller closes the client. */
  public Finalizers(KubernetesClient client) {
    this.client = client;
  }

  /** Returns whether a job has the finalizer. */
  public static boolean has(FineTuneJob job) {
    return job.getMetadata().getFinalizers().contains(STORAGE);
  }

  /** Sets the finalizer, unless the job is gone, being deleted, or has it. */
  public void add(FineTuneJob seen) {
    FineTuneJob live = live(seen);
    if (live == null || has(live) || live.getMetadata().getDeletionTimestamp() != null) {
      return;
    }
    ArrayNode patch = guarded(live);
    if (live.getMetadata().getFinalizers().isEmpty()) {
      // Nobody else may have begun the list meanwhile.
      operation(
          patch, "test", "/metadata/resourceVersion", live.getMetadata().getResourceVersion());
      patch.addObject().put("op", "add").put("path", PATH).putArray("value").add(STORAGE);
    } else {
      operation(patch, "add", PATH + "/-", STORAGE);
    }
    apply(live, patch);
  }

  /** Removes the finalizer, unless the job is gone or has none. */
  public void remove(FineTuneJob seen) {
    FineTuneJob live = live(seen);
    if (live == null || !has(live)) {
      return;
    }
    List<String> finalizers = live.getMetadata().getFinalizers();
    String path = PATH + "/" + finalizers.indexOf(STORAGE);
    ArrayNode patch = guarded(live);
    operation(patch, "test", path, STORAGE);
    patch.addObject().put("op", "remove").put("path", path);
    apply(live, patch);
  }

  private @Nullable FineTuneJob live(FineTuneJob seen) {
    FineTuneJob live = resource(seen).get();
    boolean same = live != null && live.getMetadata().getUid().equals(seen.getMetadata().getUid());
    return same ? live : null;
  }

  private static ArrayNode guarded(FineTuneJob live) {
    ArrayNode patch = JsonNodeFactory.instance.arrayNode();
    operation(patch, "test", "/metadata/uid", live.getMetadata().getUid());
    return patch;
  }

  private static void operation(ArrayNode patch, String name, String path, String value) {
    patch.addObject().put("op", name).put("path", path).put("value", value);
  }

  private void apply(FineTuneJob job, ArrayNode patch) {
    resource(job).patch(PatchContext.of(PatchType.JSON), patch.toString());
  }

  private Resource<FineTuneJob> resource(FineTuneJob job) {
    return client
        .resources(FineTuneJob.class)
        .inNamespace(job.getMetadata().getNamespace())
        .withName(job.getMetadata().getName());
  }
}
