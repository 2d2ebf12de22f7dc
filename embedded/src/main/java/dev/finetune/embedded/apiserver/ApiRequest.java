package dev.finetune.embedded.apiserver;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A request.
 *
 * @param method HTTP method
 * @param path path, decoded, split at slashes
 * @param query parameters
 * @param contentType media type of the body, empty if there is none
 * @param accept what the client can read
 * @param userAgent the client
 * @param body body, empty if there is none
 */
record ApiRequest(
    String method,
    List<String> path,
    Map<String, String> query,
    String contentType,
    String accept,
    String userAgent,
    byte[] body) {

  /** The part of a path that names objects. */
  record Target(
      ResourceType type, @Nullable String namespace, @Nullable String name, String subresource) {

    String requireName() {
      if (name == null) {
        throw ApiFailure.methodNotAllowed("on a collection");
      }
      return name;
    }

    ResourceStore.Key key(String objectName) {
      return new ResourceStore.Key(
          type.qualifiedPlural(), namespace == null ? "" : namespace, objectName);
    }
  }

  static List<String> segments(URI uri) {
    List<String> segments = new ArrayList<>();
    for (String segment : uri.getRawPath().split("/")) {
      if (!segment.isEmpty()) {
        // A plus is itself in a path; only in a query is it a blank.
        segments.add(URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8));
      }
    }
    return segments;
  }

  static Map<String, String> parameters(URI uri) {
    Map<String, String> parameters = new HashMap<>();
    String raw = uri.getRawQuery();
    for (String pair : raw == null ? new String[0] : raw.split("&")) {
      int at = pair.indexOf('=');
      String name = at < 0 ? pair : pair.substring(0, at);
      String value = at < 0 ? "" : pair.substring(at + 1);
      parameters.put(
          URLDecoder.decode(name, StandardCharsets.UTF_8),
          URLDecoder.decode(value, StandardCharsets.UTF_8));
    }
    return parameters;
  }

  /** Returns a parameter, empty if it is absent. */
  String parameter(String name) {
    return query.getOrDefault(name, "");
  }

  boolean flag(String name) {
    return parameter(name).equals("true") || parameter(name).equals("1");
  }

  boolean dryRun() {
    return !parameter("dryRun").isEmpty();
  }

  /** Returns the field manager: the parameter, else the first word of the user agent. */
  String manager() {
    if (!parameter("fieldManager").isEmpty()) {
      return parameter("fieldManager");
    }
    String agent = userAgent.replaceFirst("[/ ].*", "");
    return agent.isEmpty() ? "unknown" : agent;
  }

  /** Returns what the path names. */
  Target target(ResourceTypes types) {
    boolean core = path.getFirst().equals("api");
    int at = core ? 2 : 3;
    if (path.size() <= at) {
      throw ApiFailure.noSuchPath();
    }
    String group = core ? "" : path.get(1);
    String version = path.get(at - 1);
    List<String> rest = path.subList(at, path.size());
    String namespace = null;
    boolean ofNamespace =
        rest.size() > 2
            && rest.getFirst().equals("namespaces")
            && !(core && rest.size() == 3 && List.of("status", "finalize").contains(rest.get(2)));
    if (ofNamespace) {
      namespace = rest.get(1);
      rest = rest.subList(2, rest.size());
    }
    ResourceType type = types.require(group, version, rest.getFirst());
    if (rest.size() > 3 || (type.namespaced() != (namespace != null) && rest.size() > 1)) {
      throw ApiFailure.noSuchPath();
    }
    return new Target(
        type, namespace, rest.size() > 1 ? rest.get(1) : null, rest.size() > 2 ? rest.get(2) : "");
  }
}
