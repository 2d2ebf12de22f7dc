package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.util.StringQuotingChecker;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A {@code FineTuneJob} as a file: what a user applies to a cluster or trains from on a laptop, and
 * what the operator freezes for the trainer.
 *
 * @param name name of the job, at most 50 characters
 * @param namespace namespace of the job, {@code default} unless said
 * @param uid UID that an API server gave it
 * @param labels labels of the job
 * @param annotations annotations of the job
 * @param spec what is asked for, with defaults filled in
 */
public record FineTuneJobFile(
    String name,
    String namespace,
    @Nullable String uid,
    Map<String, String> labels,
    Map<String, String> annotations,
    FineTuneJobSpec spec) {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
          .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .defaultPropertyInclusion(
              JsonInclude.Value.construct(
                  JsonInclude.Include.NON_NULL, JsonInclude.Include.NON_NULL))
          .build();

  // Every text is quoted, so that none is read back as a number or a boolean.
  private static final YAMLMapper YAML =
      YAMLMapper.builder(YAMLFactory.builder().stringQuotingChecker(new QuotedNames()).build())
          .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
          .disable(YAMLGenerator.Feature.SPLIT_LINES)
          .build();

  /** Names that are more than letters, digits and a few signs may be read back as others. */
  private static final class QuotedNames extends StringQuotingChecker.Default {
    private static final long serialVersionUID = 1L;
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9][A-Za-z0-9./_-]*");

    @Override
    public boolean needToQuoteName(String name) {
      return super.needToQuoteName(name) || !PLAIN.matcher(name).matches();
    }
  }

  /** Copies the maps, sorted by key. */
  public FineTuneJobFile {
    labels = copy(labels);
    annotations = copy(annotations);
  }

  private static Map<String, String> copy(Map<String, String> map) {
    Map<String, String> copy = Copies.sorted(map);
    return copy == null ? Map.of() : copy;
  }

  /**
   * Reads and checks a file in UTF-8.
   *
   * @throws IOException if the file cannot be read
   * @throws InvalidJobException if it breaks a rule; the exception carries all that are broken
   */
  public static FineTuneJobFile read(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return parse(in.readNBytes(JobText.LARGEST + 1));
    }
  }

  /**
   * Reads and checks the bytes of a file in UTF-8.
   *
   * @throws InvalidJobException if they break a rule; the exception carries all that are broken
   */
  public static FineTuneJobFile parse(byte[] file) {
    if (file.length > JobText.LARGEST) {
      throw invalid("file", "must have at most " + JobText.LARGEST + " bytes");
    }
    try {
      return parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(file)).toString());
    } catch (CharacterCodingException e) {
      throw invalid("file", "must be UTF-8");
    }
  }

  /**
   * Reads and checks the text of a file, YAML or JSON.
   *
   * @throws InvalidJobException if it breaks a rule; the exception carries all that are broken
   */
  public static FineTuneJobFile parse(String text) {
    JsonNode tree = JobText.read(text);
    if (!(tree instanceof ObjectNode fields)) {
      throw invalid("file", "must hold a FineTuneJob");
    }
    List<Violation> violations = new ArrayList<>(Shape.prune(fields, Document.class));
    Set<String> found = violations.stream().map(Violation::path).collect(Collectors.toSet());
    Document document = bind(fields);
    for (Violation violation : Bounds.check("", document)) {
      if (!found.contains(violation.path())) {
        violations.add(violation);
      }
    }
    if (!violations.isEmpty()) {
      throw new InvalidJobException(violations);
    }
    return of(document);
  }

  private static Document bind(ObjectNode fields) {
    try {
      return JSON.treeToValue(fields, Document.class);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree that fits its records was not read", e);
    }
  }

  private static FineTuneJobFile of(Document document) {
    Document.Metadata metadata = document.metadata();
    return new FineTuneJobFile(
        metadata.name(),
        metadata.namespace() == null ? "default" : metadata.namespace(),
        metadata.uid(),
        metadata.labels() == null ? Map.of() : metadata.labels(),
        metadata.annotations() == null ? Map.of() : metadata.annotations(),
        document.spec());
  }

  /**
   * Returns the job as YAML with defaults filled in, the same text for equal jobs. Reading it gives
   * an equal job.
   */
  public String toYaml() {
    ObjectNode root = JSON.createObjectNode();
    root.put("apiVersion", Document.API_VERSION).put("kind", Document.KIND);
    ObjectNode metadata = root.putObject("metadata").put("name", name).put("namespace", namespace);
    if (uid != null) {
      metadata.put("uid", uid);
    }
    if (!labels.isEmpty()) {
      metadata.set("labels", JSON.valueToTree(labels));
    }
    if (!annotations.isEmpty()) {
      metadata.set("annotations", JSON.valueToTree(annotations));
    }
    root.set("spec", JSON.valueToTree(spec));
    try {
      return YAML.writeValueAsString(root);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a job was not written as YAML", e);
    }
  }

  private static InvalidJobException invalid(String path, String message) {
    return new InvalidJobException(List.of(new Violation(path, message)));
  }
}
