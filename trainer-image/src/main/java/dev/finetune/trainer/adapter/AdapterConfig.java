package dev.finetune.trainer.adapter;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.finetune.api.spec.AdapterInit;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
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
 * @param settings what the adapter is
 * @param task what it is trained to do
 */
public record AdapterConfig(
    String baseModel, @Nullable String revision, AdapterSettings settings, Task task) {
  /** The version of PEFT whose format this is. */
  private static final String PEFT_VERSION = "0.18.1";

  private static final int LARGEST = 1 << 20;

  /** What {@code init_lora_weights} says. */
  private static final Map<AdapterInit, Object> INITS =
      Map.of(
          AdapterInit.DEFAULT, true, AdapterInit.GAUSSIAN, "gaussian", AdapterInit.PISSA, "pissa");

  /** What {@code task_type} says. */
  private static final Map<Task, String> TASKS =
      Map.of(
          Task.CAUSAL_LM, "CAUSAL_LM",
          Task.SEQUENCE_CLASSIFICATION, "SEQ_CLS",
          Task.TOKEN_CLASSIFICATION, "TOKEN_CLS");

  private static final List<String> UNSUPPORTED =
      List.of(
          "use_qalora",
          "lora_bias",
          "layers_pattern",
          "layer_replication",
          "target_parameters",
          "trainable_token_indices");

  /** Layers that GPT-2 alone has. */
  private static final List<String> TURNED = List.of("c_attn", "c_proj", "c_fc");

  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  /** Makes one of language modelling. */
  public AdapterConfig(String baseModel, @Nullable String revision, AdapterSettings settings) {
    this(baseModel, revision, settings, Task.CAUSAL_LM);
  }

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
          "layer_replication",
          "layers_pattern",
          "megatron_config",
          "target_parameters",
          "trainable_token_indices"
        }) {
      fields.put(absent, null);
    }
    for (String off : new String[] {"ensure_weight_tying", "lora_bias", "use_qalora"}) {
      fields.put(off, false);
    }
    fields.put("base_model_name_or_path", baseModel);
    fields.put("bias", "none");
    fields.put("inference_mode", true);
    fields.put("loftq_config", Map.of());
    fields.put("megatron_core", "megatron.core");
    fields.put("peft_type", "LORA");
    fields.put("peft_version", PEFT_VERSION);
    fields.put("qalora_group_size", 16);
    fields.put("revision", revision);
    fields.put("task_type", TASKS.get(task));
    putSettings(fields);
    try {
      return MAPPER.writer(printer()).writeValueAsString(fields);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a map of texts and numbers was not written", e);
    }
  }

  private void putSettings(Map<String, @Nullable Object> fields) {
    ModuleChoice modules = settings.modules();
    fields.put("alpha_pattern", new TreeMap<>(settings.patterns().alphas()));
    fields.put("exclude_modules", modules.excluded().isEmpty() ? null : value(modules.excluded()));
    fields.put("fan_in_fan_out", turned(modules.targets()));
    fields.put("init_lora_weights", INITS.get(settings.init()));
    fields.put("layers_to_transform", modules.layers().isEmpty() ? null : modules.layers());
    fields.put("lora_alpha", settings.alpha());
    fields.put("lora_dropout", settings.dropout());
    fields.put("modules_to_save", modules.saved().isEmpty() ? null : modules.saved());
    fields.put("r", settings.rank());
    fields.put("rank_pattern", new TreeMap<>(settings.patterns().ranks()));
    fields.put("target_modules", value(modules.targets()));
    fields.put("use_dora", settings.update().decomposed());
    fields.put("use_rslora", settings.update().rankStabilized());
  }

  /** Returns whether the base model holds its linear layers (in, out), as only GPT-2 does. */
  private static boolean turned(ModuleNames names) {
    return TURNED.stream()
        .anyMatch(
            module ->
                names.pattern().contains(module)
                    || names.names().stream().anyMatch(name -> name.endsWith(module)));
  }

  private static Object value(ModuleNames names) {
    return names.pattern().isEmpty() ? names.names() : names.pattern();
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
    JsonNode json = JsonFile.read(file, LARGEST);
    if (!json.isObject()) {
      throw new UnreadableData(file + ": must hold a JSON object");
    }
    for (String unsupported : UNSUPPORTED) {
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
    Task task = task(file, json.path("task_type"));
    requireText(file, json, "bias", "none");
    return new AdapterConfig(
        json.path("base_model_name_or_path").asText(),
        json.path("revision").isTextual() ? json.path("revision").asText() : null,
        new AdapterSettings(
            positive(file, json, "r"),
            positive(file, json, "lora_alpha"),
            dropout(file, json.path("lora_dropout")),
            new AdapterSettings.Update(
                json.path("use_rslora").asBoolean(), json.path("use_dora").asBoolean()),
            init(file, json.path("init_lora_weights")),
            modules(file, json),
            new ModulePatterns(
                numbers(file, json, "rank_pattern"), numbers(file, json, "alpha_pattern"))),
        task);
  }

  private static Task task(Path file, JsonNode type) {
    if (type.isMissingNode() || type.isNull()) {
      return Task.CAUSAL_LM;
    }
    for (Map.Entry<Task, String> task : TASKS.entrySet()) {
      if (task.getValue().equals(type.asText())) {
        return task.getKey();
      }
    }
    throw new UnsupportedModel(
        "%s: task_type %s is not supported, use CAUSAL_LM, SEQ_CLS or TOKEN_CLS"
            .formatted(file, JsonFields.describe(type)));
  }

  private static double dropout(Path file, JsonNode value) {
    if (value.isMissingNode() || value.isNull()) {
      return 0;
    }
    if (!value.isNumber() || !(value.doubleValue() >= 0 && value.doubleValue() < 1)) {
      throw new UnreadableData(
          file + ": lora_dropout must be from 0 and below 1, was " + JsonFields.describe(value));
    }
    return value.doubleValue();
  }

  private static AdapterInit init(Path file, JsonNode start) {
    if (!start.isTextual()) {
      return AdapterInit.DEFAULT;
    }
    for (Map.Entry<AdapterInit, Object> init : INITS.entrySet()) {
      if (init.getValue().equals(start.asText())) {
        return init.getKey();
      }
    }
    // Most others change the weights of the base model as well.
    throw new UnsupportedModel(
        file + ": init_lora_weights '" + start.asText() + "' is not supported");
  }

  private static ModuleChoice modules(Path file, JsonNode json) {
    JsonNode targets = json.path("target_modules");
    if (targets.isMissingNode() || targets.isNull()) {
      throw new UnreadableData(file + ": target_modules must be a list or a text, was " + targets);
    }
    return new ModuleChoice(
        names(file, json, "target_modules"),
        names(file, json, "exclude_modules"),
        layers(file, json.path("layers_to_transform")),
        texts(file, json, "modules_to_save"));
  }

  private static List<Integer> layers(Path file, JsonNode value) {
    List<Integer> layers = new ArrayList<>();
    for (JsonNode layer : value.isArray() ? value : List.of(value)) {
      if (layer.isInt() && layer.asInt() >= 0) {
        layers.add(layer.asInt());
      } else if (!layer.isNull() && !layer.isMissingNode()) {
        throw new UnreadableData(
            file + ": layers_to_transform must be whole numbers from 0, was " + value);
      }
    }
    return layers;
  }

  private static Map<String, Integer> numbers(Path file, JsonNode json, String key) {
    Map<String, Integer> numbers = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : json.path(key).properties()) {
      numbers.put(entry.getKey(), positive(file, json.path(key), entry.getKey()));
    }
    return numbers;
  }

  private static void requireText(Path file, JsonNode json, String key, String expected) {
    JsonNode value = json.path(key);
    if (!value.isMissingNode() && !value.isNull() && !value.asText().equals(expected)) {
      throw new UnsupportedModel(
          "%s: %s %s is not supported, use %s".formatted(file, key, value, expected));
    }
  }

  private static int positive(Path file, JsonNode json, String key) {
    JsonNode value = json.path(key);
    if (!value.isNumber() || value.asInt() < 1 || value.asDouble() != value.asInt()) {
      throw new UnreadableData(file + ": " + key + " must be a whole number from 1, was " + value);
    }
    return value.asInt();
  }

  private static ModuleNames names(Path file, JsonNode json, String key) {
    JsonNode value = json.path(key);
    return value.isTextual()
        ? new ModuleNames(value.asText(), List.of())
        : new ModuleNames("", texts(file, json, key));
  }

  private static List<String> texts(Path file, JsonNode json, String key) {
    JsonNode list = json.path(key);
    List<String> texts = new ArrayList<>();
    if (list.isArray()) {
      list.forEach(item -> texts.add(item.asText()));
    } else if (!list.isNull() && !list.isMissingNode()) {
      throw new UnreadableData(file + ": " + key + " must be a list or a text, was " + list);
    }
    return texts;
  }
}
