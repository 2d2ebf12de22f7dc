package dev.finetune.trainer.run;

import org.jspecify.annotations.Nullable;

/**
 * A request to the store of a model, as an actor makes it.
 *
 * @param actor number of the actor
 * @param kind what it does
 * @param key key of the object, or the folder of a listing
 * @param content what it writes
 * @param etag ETag that the object must have
 * @param text all of it for the eye and for the hash, with ids that are the same in every execution
 */
record ModelRequest(
    int actor,
    Kind kind,
    String key,
    byte @Nullable [] content,
    @Nullable String etag,
    String text) {
  enum Kind {
    GET,
    DOWNLOAD,
    LIST,
    PUT,
    PUT_IF_ABSENT,
    PUT_IF_MATCH,
    DELETE;

    boolean isRead() {
      return this == GET || this == DOWNLOAD || this == LIST;
    }

    boolean isConditional() {
      return this == PUT_IF_ABSENT || this == PUT_IF_MATCH;
    }
  }

  /** How the world deals with a request, or what it does by itself. */
  enum Event {
    /** The request is answered. */
    ANSWER,
    /** A read is not answered. */
    FAIL,
    /** A write is not answered; it lands at any later time, or never. */
    GIVE_UP,
    /** The process ends; if it was about to write, that lands at any later time, or never. */
    CRASH,
    /** A write that was given up lands. */
    LAND,
    /** The clock goes on. */
    TICK
  }
}
