package dev.finetune.embedded.faultproxy;

import java.util.Map;

/**
 * A request as the proxy saw it.
 *
 * @param method such as {@code PUT}
 * @param path path of the URL as sent, percent-encoded: for S3 by path style {@code /bucket/key}
 * @param query query of the URL as sent, or empty
 * @param headers headers by name in lower case, without {@code authorization}
 */
public record ProxiedRequest(
    String method, String path, String query, Map<String, String> headers) {
  /** Returns the key of the object: what follows the bucket in the path; empty for a listing. */
  public String key() {
    int slash = path.indexOf('/', 1);
    return slash < 0 ? "" : path.substring(slash + 1);
  }

  /** Returns the value of a header, or empty. */
  public String header(String name) {
    return headers.getOrDefault(name, "");
  }

  @Override
  public String toString() {
    return method + " " + path + (query.isEmpty() ? "" : "?" + query);
  }
}
