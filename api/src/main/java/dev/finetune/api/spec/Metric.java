package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What held-out rows are measured by. */
public enum Metric {
  /** Mean loss; less is better. */
  @JsonProperty("loss")
  LOSS,
  /** Share of labels that are right. */
  @JsonProperty("accuracy")
  ACCURACY,
  /** F1 of each class, averaged. */
  @JsonProperty("macroF1")
  MACRO_F1,
  /** F1 over all labels. */
  @JsonProperty("microF1")
  MICRO_F1,
  /** F1 of whole entities, by type and borders. */
  @JsonProperty("entityF1")
  ENTITY_F1,
  /** Correlation of numbers. */
  @JsonProperty("pearson")
  PEARSON,
  /** Correlation of ranks. */
  @JsonProperty("spearman")
  SPEARMAN,
  /** Share of answers whose every token is the likeliest one. */
  @JsonProperty("exactMatch")
  EXACT_MATCH,
  /** Share of learned tokens that are the likeliest one. */
  @JsonProperty("tokenAccuracy")
  TOKEN_ACCURACY
}
