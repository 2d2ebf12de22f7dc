package dev.finetune.trainer.evaluation;

import dev.finetune.api.spec.Metric;

/** What metrics are called in a job and in the documents of a run. */
public final class MetricNames {
  private MetricNames() {}

  /** Returns the name. */
  public static String of(Metric metric) {
    return switch (metric) {
      case LOSS -> "loss";
      case ACCURACY -> "accuracy";
      case MACRO_F1 -> "macroF1";
      case MICRO_F1 -> "microF1";
      case ENTITY_F1 -> "entityF1";
      case PEARSON -> "pearson";
      case SPEARMAN -> "spearman";
      case EXACT_MATCH -> "exactMatch";
      case TOKEN_ACCURACY -> "tokenAccuracy";
    };
  }
}
