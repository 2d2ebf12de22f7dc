package dev.finetune.trainer.source;

import org.jspecify.annotations.Nullable;

/**
 * How others find a base model: PEFT and servers of models take the Hub's names as they are.
 *
 * @param name {@code OWNER/NAME} of a model of the Hub, else the URI as written
 * @param revision revision of it, or null
 */
public record ModelName(String name, @Nullable String revision) {
  /**
   * Returns the name of the model of a job.
   *
   * @param revision what the job says beside the URI, or null
   */
  public static ModelName of(String uri, @Nullable String revision) {
    if (!HubLocation.isHub(uri)) {
      return new ModelName(uri, revision);
    }
    HubLocation location = HubLocation.model("spec.model.uri", uri, revision);
    return new ModelName(location.repository(), location.revision());
  }
}
