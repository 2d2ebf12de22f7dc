package dev.finetune.embedded.faultproxy;

import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * Which requests a rule is for. Start with {@link #all} and narrow it:
 *
 * <pre>{@code
 * RequestMatch.all().method("PUT").key(".*head\\.json").skip(2).times(1)
 * }</pre>
 *
 * @param wanted what a request must be
 * @param skip matching requests that pass before the first one that counts
 * @param times requests that count; afterwards the rule is spent
 */
public record RequestMatch(Predicate<ProxiedRequest> wanted, int skip, int times) {
  /** Checks the numbers. */
  public RequestMatch {
    if (skip < 0 || times < 1) {
      throw new IllegalArgumentException(
          "skip must be at least 0 and times at least 1, were " + skip + " and " + times);
    }
  }

  /** Returns what matches every request, for ever. */
  public static RequestMatch all() {
    return new RequestMatch(request -> true, 0, Integer.MAX_VALUE);
  }

  /** Narrows to a method, or several as in {@code PUT|POST}. */
  public RequestMatch method(String pattern) {
    Pattern compiled = Pattern.compile(pattern);
    return where(request -> compiled.matcher(request.method()).matches());
  }

  /** Narrows to keys that match a pattern as a whole. */
  public RequestMatch key(String pattern) {
    Pattern compiled = Pattern.compile(pattern);
    return where(request -> compiled.matcher(request.key()).matches());
  }

  /** Narrows to queries in which a pattern is found, such as {@code partNumber=2}. */
  public RequestMatch query(String pattern) {
    Pattern compiled = Pattern.compile(pattern);
    return where(request -> compiled.matcher(request.query()).find());
  }

  /** Narrows to requests with a header; the name is in lower case. */
  public RequestMatch hasHeader(String name) {
    return where(request -> request.headers().containsKey(name));
  }

  /** Narrows to what a predicate accepts. */
  public RequestMatch where(Predicate<ProxiedRequest> more) {
    return new RequestMatch(wanted.and(more), skip, times);
  }

  /** Lets these many matching requests pass first. */
  public RequestMatch skip(int count) {
    return new RequestMatch(wanted, count, times);
  }

  /** Is spent after these many requests. */
  public RequestMatch times(int count) {
    return new RequestMatch(wanted, skip, count);
  }
}
