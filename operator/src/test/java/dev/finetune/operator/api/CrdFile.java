package dev.finetune.operator.api;

import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.status.FineTuneJobStatus;
import io.fabric8.crdv2.generator.CRDGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes the text of {@code crds/finetunejobs.finetune.dev-v1.yml}: what Fabric8 generates from the
 * records, finished by {@link CrdSchema}, with the printer columns in the order in which people
 * read them.
 */
final class CrdFile {
  private static final String NOTICE =
      """
      # Generated from the records of the api module. To generate it anew:
      # mvn -pl operator -am test -Dtest=CrdDriftTest -Dcrd.update=true -Dsurefire.failIfNoSpecifiedTests=false
      """;

  private static final List<String> COLUMNS =
      List.of(
          "PHASE",
          "MODEL",
          "METHOD",
          "STEP",
          "LOSS",
          "TOK/S",
          "ETA",
          "RESTARTS",
          "AGE",
          "CHECKPOINT",
          "ADAPTER",
          "QUEUE",
          "REASON");

  static final YAMLMapper YAML =
      YAMLMapper.builder()
          .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
          .disable(YAMLGenerator.Feature.SPLIT_LINES)
          .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
          .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
          .enable(YAMLGenerator.Feature.INDENT_ARRAYS_WITH_INDICATOR)
          .enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
          .build();

  private CrdFile() {}

  /** Returns the text of the file. */
  static String text() {
    try {
      return NOTICE + YAML.writeValueAsString(crd());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the definition as the API server gets it. */
  static ObjectNode crd() {
    ObjectNode crd = generated();
    ObjectNode version = (ObjectNode) crd.at("/spec/versions/0");
    version.set("additionalPrinterColumns", columns(version.get("additionalPrinterColumns")));
    ObjectNode schema = (ObjectNode) version.at("/schema/openAPIV3Schema");
    schema.put("description", "A request to fine-tune a language model.");
    describe(schema, "spec", "What the user asks for.");
    describe(schema, "status", "What the operator says of it.");
    schema.putArray("required").add("spec");
    CrdSchema.finish((ObjectNode) schema.at("/properties/spec"), FineTuneJobSpec.class);
    CrdSchema.finish((ObjectNode) schema.at("/properties/status"), FineTuneJobStatus.class);
    return crd;
  }

  private static void describe(ObjectNode schema, String property, String description) {
    ((ObjectNode) schema.at("/properties/" + property)).put("description", description);
  }

  private static ObjectNode generated() {
    Memory memory = new Memory();
    new CRDGenerator()
        .customResourceClasses(FineTuneJob.class)
        .forCRDVersions("v1")
        .withOutput(memory)
        .generate();
    try {
      return (ObjectNode) YAML.readTree(memory.bytes.toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ArrayNode columns(JsonNode generated) {
    Map<String, ObjectNode> byName = new HashMap<>();
    for (JsonNode column : generated) {
      ObjectNode copy = column.deepCopy();
      if (copy.get("priority").intValue() == 0) {
        copy.remove("priority");
      }
      byName.put(copy.get("name").textValue(), copy);
    }
    byName.put(
        "AGE",
        YAML.createObjectNode()
            .put("description", "Time since the job was made.")
            .put("jsonPath", ".metadata.creationTimestamp")
            .put("name", "AGE")
            .put("type", "date"));
    if (!byName.keySet().equals(Set.copyOf(COLUMNS))) {
      throw new IllegalStateException(
          "columns are " + byName.keySet() + ", order names " + COLUMNS);
    }
    ArrayNode ordered = YAML.createArrayNode();
    COLUMNS.forEach(name -> ordered.add(byName.get(name)));
    return ordered;
  }

  private static final class Memory extends CRDGenerator.AbstractCRDOutput<ByteArrayOutputStream> {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Override
    protected ByteArrayOutputStream createStreamFor(String crdName) {
      return bytes;
    }

    @Override
    public URI crdURI(String crdName) {
      return Path.of(crdName).toUri();
    }
  }
}
