package dev.finetune.api.spec;

/** What a user is told who changes a field that decides the result or the pod of a job. */
final class Immutable {
  static final String JOB = "is immutable: delete the job, or apply it under another name";

  private Immutable() {}
}
