package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.Task;
import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.adapter.LabelFile;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.failure.InvalidConfiguration;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The adapter that a job starts from. */
final class InitialAdapter {
  private static final String FIELD = "spec.adapter.initFrom: ";

  private InitialAdapter() {}

  /**
   * Reads its configuration.
   *
   * @param classifier what the job predicts, or null
   * @throws InvalidConfiguration if it was trained for another task or other labels
   */
  static AdapterConfig config(Path folder, @Nullable Classifier classifier) {
    AdapterConfig config = AdapterConfig.read(folder.resolve(AdapterFiles.CONFIG));
    Task wanted = classifier == null ? Task.CAUSAL_LM : classifier.labels().task();
    if (config.task() != wanted) {
      throw new InvalidConfiguration(
          FIELD + "must be an adapter of " + wanted + ", is one of " + config.task());
    }
    Path labels = folder.resolve(LabelFile.NAME);
    if (classifier != null && Files.exists(labels)) {
      LabelFile before = LabelFile.read(labels, wanted);
      if (!before.equals(classifier.labels())) {
        throw new InvalidConfiguration(
            FIELD
                + "must be an adapter of the labels %s, is one of %s"
                    .formatted(classifier.labels().labels(), before.labels()));
      }
    }
    return config;
  }
}
