package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How the two matrices of an update begin. */
public enum AdapterInit {
  /** A uniform on (-1 / sqrt(in), 1 / sqrt(in)), B zero. */
  @JsonProperty("default")
  DEFAULT,
  /** A normal with standard deviation 1 / rank, B zero. */
  @JsonProperty("gaussian")
  GAUSSIAN,
  /** The principal singular vectors of the base weight, which keeps the rest, arXiv 2404.02948. */
  @JsonProperty("pissa")
  PISSA
}
