package dev.finetune.trainer.chaos;

import java.util.List;
import java.util.regex.Pattern;

/** Finds the first request of a kind after some others, such as the head after a manifest. */
final class RequestSequence {
  private final List<Pattern> wanted;
  private int seen;

  /**
   * Makes one.
   *
   * @param patterns of a method, a space and a key, in the order in which they must come
   */
  RequestSequence(List<String> patterns) {
    this.wanted = patterns.stream().map(Pattern::compile).toList();
  }

  /** Returns whether this request is the last of the sequence; only one ever is. */
  synchronized boolean endsWith(String request) {
    if (seen < wanted.size() && wanted.get(seen).matcher(request).matches()) {
      seen++;
      return seen == wanted.size();
    }
    return false;
  }
}
