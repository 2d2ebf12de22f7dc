package dev.finetune.trainer.train;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.Training;

/** The {@code training} section of a job. */
public final class TrainingSpec {
  private TrainingSpec() {}

  /** Returns the section with these fields, in YAML's flow style; the rest are defaults. */
  public static Training of(String fields) {
    return FineTuneJobFile.parse(
            """
            apiVersion: finetune.dev/v1alpha1
            kind: FineTuneJob
            metadata: {name: job}
            spec:
              model: {uri: file:model}
              dataset: {train: file:data, evalFraction: 0.1}
              storage: {uri: file:runs}
              training: {%s}
            """
                .formatted(fields))
        .spec()
        .training();
  }
}
