package dev.finetune.operator.progress;

import dev.finetune.operator.config.OperatorConfig;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Which object storage the operator calls on behalf of a user. The addresses of a name are checked
 * again when the connection is made, so a name that changes its address is no way around.
 */
final class EndpointPolicy {
  /** Metadata services of clouds that are not link-local: AWS over IPv6, Alibaba. */
  private static final List<String> METADATA = List.of("fd00:ec2:0:0:0:0:0:254", "100.100.100.200");

  private final OperatorConfig.Storage config;

  EndpointPolicy(OperatorConfig.Storage config) {
    this.config = config;
  }

  /** Returns why a run may not be read from there, or empty if it may. */
  Optional<String> refusal(String storageUri, Optional<URI> endpoint) {
    return refusalOfUri(storageUri).or(() -> refusalOfEndpoint(endpoint));
  }

  /** Returns why runs are not read below this URI, or empty if they are. */
  Optional<String> refusalOfUri(String storageUri) {
    List<String> prefixes = config.allowedUriPrefixes().orElse(List.of());
    if (!prefixes.isEmpty() && prefixes.stream().noneMatch(p -> isUnder(storageUri, p))) {
      return Optional.of(
          "spec.storage.uri: must be under one of " + prefixes + ", was " + storageUri);
    }
    return Optional.empty();
  }

  /** Returns why this endpoint is not called, or empty if it is. */
  Optional<String> refusalOfEndpoint(Optional<URI> endpoint) {
    List<String> endpoints = config.allowedEndpoints().orElse(List.of());
    if (!endpoints.isEmpty()
        && (endpoint.isEmpty() || endpoints.stream().noneMatch(e -> isSame(endpoint.get(), e)))) {
      return Optional.of(
          "spec.storage.endpoint: must be one of "
              + endpoints
              + ", was "
              + endpoint.map(URI::toString).orElse("absent"));
    }
    return Optional.empty();
  }

  /**
   * Returns the addresses of a host.
   *
   * @throws UnknownHostException if it has none, or one that the operator does not call
   */
  InetAddress[] resolve(String host) throws UnknownHostException {
    InetAddress[] addresses = InetAddress.getAllByName(host);
    for (InetAddress address : addresses) {
      if (isRefused(address)) {
        throw new UnknownHostException(
            "spec.storage.endpoint: must not be a link-local, loopback or metadata address, was "
                + host);
      }
    }
    return addresses;
  }

  private boolean isRefused(InetAddress address) {
    return address.isLinkLocalAddress()
        || address.isMulticastAddress()
        || address.isAnyLocalAddress()
        || (address.isLoopbackAddress() && !config.allowLoopback())
        || METADATA.contains(address.getHostAddress());
  }

  private static boolean isUnder(String uri, String prefix) {
    String folder = prefix.endsWith("/") ? prefix : prefix + "/";
    return !uri.contains("/../") && (uri + "/").startsWith(folder);
  }

  private static boolean isSame(URI endpoint, String allowed) {
    URI other = URI.create(allowed);
    return lower(endpoint.getScheme()).equals(lower(other.getScheme()))
        && lower(endpoint.getHost()).equals(lower(other.getHost()))
        && port(endpoint) == port(other);
  }

  private static int port(URI uri) {
    if (uri.getPort() >= 0) {
      return uri.getPort();
    }
    return lower(uri.getScheme()).equals("https") ? 443 : 80;
  }

  private static String lower(String text) {
    return text == null ? "" : text.toLowerCase(Locale.ROOT);
  }
}
