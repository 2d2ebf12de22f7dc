package dev.finetune.api.spec;

/** The forms of URIs, as rules that CEL and Java evaluate alike. */
final class Source {
  /** Where a model or a data set may lie. */
  static final String REGEX = "^(file:|s3://[^/]+/|pvc://[^/]+/|hf://[^/]+/)(?s:.+)$";

  static final String MESSAGE =
      "must be file:PATH, s3://BUCKET/KEY, hf://OWNER/NAME or pvc://CLAIM/PATH";

  /** Where an adapter to start from may lie. */
  static final String ADAPTER_REGEX = "^(file:|s3://[^/]+/)(?s:.+)$";

  static final String ADAPTER_MESSAGE = "must be file:PATH or s3://BUCKET/KEY";

  /** Where runs may lie. */
  static final String RUNS_REGEX = "^(file:(?s:.+)|s3://[^/]+(/(?s:.*))?)$";

  static final String RUNS_MESSAGE = "must be s3://BUCKET/PREFIX or file:PATH";

  /** An S3 service. User and password do not belong in it. */
  static final String ENDPOINT_REGEX = "^https?://[^/?#@]+(/[^?#]*)?$";

  static final String ENDPOINT_MESSAGE = "must be an http:// or https:// URL without user or query";

  private Source() {}
}
