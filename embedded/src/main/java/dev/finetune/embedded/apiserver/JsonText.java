package dev.finetune.embedded.apiserver;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** JSON and YAML, in and out. */
final class JsonText {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final YAMLMapper YAML = new YAMLMapper();

  private JsonText() {}

  static ObjectNode object() {
    return JSON.createObjectNode();
  }

  static byte[] bytes(JsonNode node) {
    try {
      return JSON.writeValueAsBytes(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a JSON tree cannot be written", e);
    }
  }

  static String text(JsonNode node) {
    return new String(bytes(node), StandardCharsets.UTF_8);
  }

  /** Parses JSON or YAML; a body that is neither is the caller's fault. */
  static JsonNode parse(byte[] body) {
    JsonNode node;
    try {
      node = JSON.readTree(body);
    } catch (IOException e) {
      node = parseYaml(body);
    }
    if (node == null || node.isMissingNode()) {
      throw ApiFailure.badRequest("the body is empty");
    }
    return node;
  }

  private static JsonNode parseYaml(byte[] body) {
    try {
      return YAML.readTree(body);
    } catch (IOException e) {
      throw ApiFailure.badRequest("the body cannot be parsed: " + e.getMessage());
    }
  }

  static ObjectNode parseObject(byte[] body) {
    if (parse(body) instanceof ObjectNode object) {
      return object;
    }
    throw ApiFailure.badRequest("the body must be an object");
  }
}
