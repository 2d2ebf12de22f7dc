package dev.finetune.trainer.adapter;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * {@code adapter_config.json} as PEFT 0.18 writes it for LoRA: the same keys, sorted, so that equal
 * configurations are equal bytes.
 *
 * @param baseModel name or place of the base model
 * @param revision revision of the base model, or null
 * @param rank rank of the matrices
 * @param alpha the update is scaled by alpha / rank
 * @param dropout probability of dropping an input while training
 * @param pattern regular expression of target modules, or empty if {@code targets} is used
 * @param targets sorted names or suffixes of target modules
 */
public record AdapterConfig(
    String baseModel,
    @Nullable String revision,
    int rank,
    int alpha,
    double dropout,
    String pattern,
    List<String> targets) {
  /** The version of PEFT whose format this is. */
  private static final String PEFT_VERSION = "0.18.1";

  private static final int LARGEST = 1 << 20;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(32).build())
                  .build())
          .build();

  /** Returns the text of the file. */
  public String toJson() {
    Map<String, @Nullable Object> fields = new TreeMap<>();
    for (String absent :
        new String[] {
          "alora_invocation_tokens",
          "arrow_config",
          "auto_mapping",
          "corda_config",
          "eva_config",
          "exclude_modules",
          "layer_replication",
          "layers_pattern",
          "layers_to_transform",
          "megatron_config",
          "modules_to_save",
          "target_parameters",
          "trainable_token_indices"
        }) {
      fields.put(absent, null);
    }
    for (String off :
        new String[] {
          "ensure_weight_tying",
          "fan_in_fan_out",
          "lora_bias",
          "use_dora",
          "use_qalora",
          "use_rslora"
        }) {
      fields.put(off, false);
    }
    for (String empty : new String[] {"alpha_pattern", "loftq_config", "rank_pattern"}) {
      fields.put(empty, Map.of());
    }
    fields.put("base_model_name_or_path", baseModel);
    fields.put("bias", "none");
    fields.put("inference_mode", true);
    fields.put("init_lora_weights", true);
    fields.put("lora_alpha", alpha);
    fields.put("lora_dropout", dropout);
    fields.put("megatron_core", "megatron.core");
    fields.put("peft_type", "LORA");
    fields.put("peft_version", PEFT_VERSION);
    fields.put("qalora_group_size", 16);
    fields.put("r", rank);
    fields.put("revision", revision);
    fields.put("target_modules", pattern.isEmpty() ? targets : pattern);
    fields.put("task_type", "CAUSAL_LM");
    try {
      return MAPPER.writer(printer()).writeValueAsString(fields);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a map of texts and numbers was not written", e);
    }
  }

  /** Prints as Python's {@code json.dumps(indent=2)}. */
  private static DefaultPrettyPrinter printer() {
    DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
    return new DefaultPrettyPrinter(
            Separators.createDefaultInstance()
                .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                .withObjectEmptySeparator("")
                .withArrayEmptySeparator(""))
        .withObjectIndenter(indenter)
        .withArrayIndenter(indenter);
  }

  /**
   * Reads a file that PEFT or this trainer wrote.
   *
   * @throws UnreadableData if it is missing, too large or no such file
   * @throws UnsupportedModel if it is an adapter of a kind that is not supported
   */
  public static AdapterConfig read(Path file) {
    JsonNode json = parse(file);
    for (String unsupported :
        new String[] {
          "use_dora",
          "use_rslora",
          "use_qalora",
          "lora_bias",
          "fan_in_fan_out",
          "modules_to_save",
          "rank_pattern",
          "alpha_pattern",
          "layers_to_transform",
          "layer_replication",
          "target_parameters",
          "trainable_token_indices",
          "exclude_modules"
        }) {
      JsonNode value = json.path(unsupported);
      if (value.asBoolean() || value.isTextual() || (value.isContainerNode() && !value.isEmpty())) {
        throw new UnsupportedModel(file + ": " + unsupported + " is not supported");
      }
    }
    String type = json.path("peft_type").asText();
    if (!type.equals("LORA")) {
      throw new UnsupportedModel(
          file + ": expected an adapter of peft_type LORA, was '" + type + "'");
    }
    requireText(file, json, "task_type", "CAUSAL_LM");
    requireText(file, json, "bias", "none");
    JsonNode start = json.path("init_lora_weights");
    if (start.isTextual() && !start.asText().equals("gaussian")) {
      // PiSSA and its like change the weights of the base model as well.
      throw new UnsupportedModel(
          file + ": init_lora_weights '" + start.asText() + "' is not supported");
    }
    JsonNode targets = json.path("target_modules");
    return new AdapterConfig(
        json.path("base_model_name_or_path").asText(),
        json.path("revision").isTextual() ? json.path("revision").asText() : null,
        positive(file, json, "r"),
        positive(file, json, "lora_alpha"),
        json.path("lora_dropout").asDouble(),
        targets.isTextual() ? targets.asText() : "",
        texts(file, targets));
  }

  private static void requireText(Path file, JsonNode json, String key, String expected) {
    JsonNode value = json.path(key);
    if (!value.isMissingNode() && !value.isNull() && !value.asText().equals(expected)) {
      throw new UnsupportedModel(
          "%s: %s %s is not supported, use %s".formatted(file, key, value, expected));
    }
  }

  private static JsonNode parse(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] content = in.readNBytes(LARGEST + 1);
      if (content.length > LARGEST) {
        throw new UnreadableData(file + ": must have at most " + LARGEST + " bytes");
      }
      JsonNode json = MAPPER.readTree(content);
      if (!json.isObject()) {
        throw new UnreadableData(file + ": must hold a JSON object");
      }
      return json;
    } catch (IOException e) {
      throw new UnreadableData(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static int positive(Path file, JsonNode json, String key) {
    JsonNode value = json.path(key);
    if (!value.isNumber() || value.asInt() < 1 || value.asDouble() != value.asInt()) {
      throw new UnreadableData(file + ": " + key + " must be a whole number from 1, was " + value);
    }
    return value.asInt();
  }

  private static List<String> texts(Path file, JsonNode list) {
    List<String> texts = new ArrayList<>();
    if (list.isArray()) {
      list.forEach(item -> texts.add(item.asText()));
    } else if (!list.isTextual()) {
      throw new UnreadableData(file + ": target_modules must be a list or a text, was " + list);
    }
    return texts.stream().sorted().toList();
  }
}
