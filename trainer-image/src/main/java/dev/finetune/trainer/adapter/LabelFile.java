package dev.finetune.trainer.adapter;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.finetune.api.spec.ProblemType;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code labels.json} beside the adapter of a classifier: what transformers' configuration of the
 * model has to say, since an adapter's own does not.
 *
 * @param task what the adapter is trained to do
 * @param problem what it predicts of a text
 * @param labels names of the outputs; empty for regression
 */
public record LabelFile(Task task, ProblemType problem, List<String> labels) {
  /** Name of the file. */
  public static final String NAME = "labels.json";

  private static final int LARGEST = 4 << 20;
  private static final int MOST_LABELS = 4096;

  private static final Map<ProblemType, String> PROBLEMS =
      Map.of(
          ProblemType.SINGLE_LABEL, "single_label_classification",
          ProblemType.MULTI_LABEL, "multi_label_classification",
          ProblemType.REGRESSION, "regression");

  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  /** Copies the labels. */
  public LabelFile {
    labels = List.copyOf(labels);
  }

  /** Returns the number of outputs of the head. */
  public int outputs() {
    return problem == ProblemType.REGRESSION ? 1 : labels.size();
  }

  /** Returns the text of the file. */
  public String toJson() {
    Map<String, Object> fields = new TreeMap<>();
    fields.put("num_labels", outputs());
    if (!labels.isEmpty()) {
      Map<String, String> names = new LinkedHashMap<>();
      Map<String, Integer> indexes = new LinkedHashMap<>();
      for (int i = 0; i < labels.size(); i++) {
        names.put(String.valueOf(i), labels.get(i));
        indexes.put(labels.get(i), i);
      }
      fields.put("id2label", names);
      fields.put("label2id", indexes);
    }
    if (task == Task.SEQUENCE_CLASSIFICATION) {
      fields.put("problem_type", PROBLEMS.get(problem));
    }
    try {
      return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(fields) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a map of texts and numbers was not written", e);
    }
  }

  /**
   * Reads a file.
   *
   * @throws UnreadableData if it is missing, too large or no such file
   */
  public static LabelFile read(Path file, Task task) {
    JsonNode json = JsonFile.read(file, LARGEST);
    ProblemType problem = ProblemType.SINGLE_LABEL;
    String said = json.path("problem_type").asText();
    for (Map.Entry<ProblemType, String> entry : PROBLEMS.entrySet()) {
      problem = entry.getValue().equals(said) ? entry.getKey() : problem;
    }
    JsonNode names = json.path("id2label");
    if (problem != ProblemType.REGRESSION && (names.isEmpty() || names.size() > MOST_LABELS)) {
      throw new UnreadableData(
          "%s: id2label must have 1 to %d names, had %d"
              .formatted(file, MOST_LABELS, names.size()));
    }
    List<String> labels = new ArrayList<>();
    for (int i = 0; i < Math.min(names.size(), MOST_LABELS); i++) {
      JsonNode name = names.path(String.valueOf(i));
      if (!name.isTextual()) {
        throw new UnreadableData(
            "%s: id2label must have a name for %d, was %s"
                .formatted(file, i, JsonFields.describe(name)));
      }
      labels.add(name.textValue());
    }
    return new LabelFile(task, problem, problem == ProblemType.REGRESSION ? List.of() : labels);
  }

  /** Returns what there is to say of a head of which only the number of outputs is known. */
  public static LabelFile unnamed(Task task, int outputs) {
    if (outputs == 1 && task == Task.SEQUENCE_CLASSIFICATION) {
      return new LabelFile(task, ProblemType.REGRESSION, List.of());
    }
    List<String> labels = new ArrayList<>();
    for (int i = 0; i < outputs; i++) {
      // The names that transformers gives.
      labels.add("LABEL_" + i);
    }
    return new LabelFile(task, ProblemType.SINGLE_LABEL, labels);
  }
}
