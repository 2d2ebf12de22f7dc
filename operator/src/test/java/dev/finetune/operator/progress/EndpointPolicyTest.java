package dev.finetune.operator.progress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.operator.Settings;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EndpointPolicyTest {
  private static EndpointPolicy policy(Map<String, String> settings) {
    return new EndpointPolicy(Settings.with(settings).storage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "224.0.0.1",
        "::ffff:169.254.169.254",
        "2852039166",
        "localhost"
      })
  void refusesAddressesThatAreNoStore(String host) {
    assertThatThrownBy(() -> policy(Map.of()).resolve(host))
        .isInstanceOf(UnknownHostException.class);
  }

  @Test
  void callsPrivateAndPublicAddresses() throws UnknownHostException {
    assertThat(policy(Map.of()).resolve("10.1.2.3")).hasSize(1);
    assertThat(policy(Map.of()).resolve("192.0.2.7")).hasSize(1);
  }

  @Test
  void callsThisMachineOnlyIfAllowed() throws UnknownHostException {
    EndpointPolicy local = policy(Map.of("storage.allow-loopback", "true"));
    assertThat(local.resolve("127.0.0.1")).hasSize(1);
    assertThatThrownBy(() -> local.resolve("169.254.169.254"))
        .hasMessageContaining("spec.storage.endpoint");
  }

  @Test
  void comparesAllowedEndpointsByTheirParts() {
    EndpointPolicy policy =
        policy(
            Map.of("storage.allowed-endpoints", "https://minio.storage:9000,https://s3.example"));
    assertThat(refusal(policy, "https://MINIO.storage:9000")).isEmpty();
    assertThat(refusal(policy, "https://s3.example:443/")).isEmpty();
    assertThat(refusal(policy, "https://minio.storage:9000.evil.example")).isPresent();
    assertThat(refusal(policy, "https://minio.storage:9000@evil.example")).isPresent();
    assertThat(refusal(policy, "http://minio.storage:9000")).isPresent();
    assertThat(policy.refusal("s3://b/p", Optional.empty())).isPresent();
  }

  private static Optional<String> refusal(EndpointPolicy policy, String endpoint) {
    try {
      return policy.refusal("s3://b/p", Optional.of(new URI(endpoint)));
    } catch (java.net.URISyntaxException e) {
      return Optional.of(e.getMessage());
    }
  }

  @Test
  void comparesAllowedPrefixesByWholeFolders() {
    EndpointPolicy policy = policy(Map.of("storage.allowed-uri-prefixes", "s3://runs/team-a"));
    assertThat(policy.refusal("s3://runs/team-a", Optional.empty())).isEmpty();
    assertThat(policy.refusal("s3://runs/team-a/x", Optional.empty())).isEmpty();
    assertThat(policy.refusal("s3://runs/team-ab", Optional.empty()))
        .hasValueSatisfying(why -> assertThat(why).contains("s3://runs/team-ab"));
    assertThat(policy.refusal("s3://runs/team-a/../b", Optional.empty())).isPresent();
  }
}
