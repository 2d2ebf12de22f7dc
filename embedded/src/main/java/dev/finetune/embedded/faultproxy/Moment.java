package dev.finetune.embedded.faultproxy;

/** When in the life of a request something happens to it. */
public enum Moment {
  /** Before the server sees it: nothing was done. */
  BEFORE,

  /** After the server has answered and before the client knows: it was done. */
  AFTER
}
