package dev.finetune.api.spec;

import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.StringReader;
import java.util.Iterator;
import java.util.List;
import org.yaml.snakeyaml.DumperOptions.ScalarStyle;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;

/**
 * Reads the text of a job file as kubectl does: JSON if it begins with a brace, else YAML with
 * {@link YamlScalar kubectl's scalars}. Stricter are only duplicate keys, merge keys, tags and more
 * than one document, which are refused. Nesting, aliases and size are bounded, for the text may
 * come from anybody.
 */
final class JobText {
  static final int LARGEST = 1 << 20;
  private static final int DEEPEST = 50;
  private static final int MOST_NODES = 100_000;
  private static final String STANDARD_TAGS = "tag:yaml.org,2002:";

  private static final JsonMapper JSON =
      JsonMapper.builder(
              new JsonFactoryBuilder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(DEEPEST).build())
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .build();

  private int nodes;

  private JobText() {}

  /**
   * Returns the one document of a text.
   *
   * @throws InvalidJobException if the text is too large, not YAML or JSON, or not one document
   */
  static JsonNode read(String text) {
    if (text.length() > LARGEST) {
      throw invalid("file", "must have at most " + LARGEST + " bytes, had " + text.length());
    }
    return text.stripLeading().startsWith("{") ? json(text) : new JobText().yaml(text);
  }

  private static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
      throw invalid("line " + line, "is not JSON: " + e.getOriginalMessage());
    }
  }

  private JsonNode yaml(String text) {
    LoaderOptions options = new LoaderOptions();
    options.setCodePointLimit(LARGEST);
    options.setNestingDepthLimit(DEEPEST);
    options.setMaxAliasesForCollections(DEEPEST);
    options.setAllowDuplicateKeys(true); // Found below, with the path's line.
    try {
      Iterator<Node> documents = new Yaml(options).composeAll(new StringReader(text)).iterator();
      if (!documents.hasNext()) {
        throw invalid("file", "must hold one FineTuneJob, was empty");
      }
      JsonNode document = convert(documents.next(), 0);
      if (documents.hasNext()) {
        throw invalid(line(documents.next()), "must be the end: a file holds one document");
      }
      return document;
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 1 : e.getProblemMark().getLine() + 1;
      throw invalid("line " + line, "is not YAML: " + e.getProblem());
    } catch (YAMLException e) {
      throw invalid("file", "is not YAML: " + e.getMessage());
    }
  }

  private JsonNode convert(Node node, int depth) {
    // An alias is one node in many places; what it unfolds to is bounded here.
    if (++nodes > MOST_NODES || depth > DEEPEST) {
      throw invalid(line(node), "is nested or repeated too often");
    }
    if (!node.getTag().getValue().startsWith(STANDARD_TAGS)) {
      throw invalid(line(node), "must have no tag, had " + node.getTag().getValue());
    }
    return switch (node) {
      case ScalarNode scalar -> scalar(scalar);
      case SequenceNode sequence -> array(sequence.getValue(), depth);
      case MappingNode mapping -> object(mapping.getValue(), depth);
      default -> throw invalid(line(node), "must be a scalar, a list or a map");
    };
  }

  private static JsonNode scalar(ScalarNode scalar) {
    return scalar.getScalarStyle() == ScalarStyle.PLAIN
        ? YamlScalar.resolve(scalar.getValue())
        : JsonNodeFactory.instance.textNode(scalar.getValue());
  }

  private ArrayNode array(List<Node> items, int depth) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (Node item : items) {
      array.add(convert(item, depth + 1));
    }
    return array;
  }

  private ObjectNode object(List<NodeTuple> entries, int depth) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    for (NodeTuple entry : entries) {
      Node keyNode = entry.getKeyNode();
      if (!(keyNode instanceof ScalarNode key)) {
        throw invalid(line(keyNode), "must be a name, was a list or a map");
      }
      if (key.getValue().equals("<<") && key.getScalarStyle() == ScalarStyle.PLAIN) {
        throw invalid(line(keyNode), "must not be a merge key: write the fields out");
      }
      if (object.has(key.getValue())) {
        throw invalid(line(keyNode), key.getValue() + " stands there twice");
      }
      object.set(key.getValue(), convert(entry.getValueNode(), depth + 1));
    }
    return object;
  }

  private static String line(Node node) {
    return "line " + (node.getStartMark().getLine() + 1);
  }

  private static InvalidJobException invalid(String path, String message) {
    return new InvalidJobException(List.of(new Violation(path, message)));
  }
}
