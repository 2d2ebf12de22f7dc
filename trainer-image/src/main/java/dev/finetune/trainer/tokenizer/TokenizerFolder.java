package dev.finetune.trainer.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Reads a tokenizer from a folder in the Hugging Face layout. */
final class TokenizerFolder {
  /** The largest published ones have about 35 MB. */
  private static final long MOST_BYTES = 64L << 20;

  private static final int MOST_ID = 1 << 22;

  private final Path folder;
  private final @Nullable JsonFields config;
  private final @Nullable JsonFields specialTokens;
  private final @Nullable JsonFields model;
  private final Map<String, Integer> ids = new HashMap<>();

  private TokenizerFolder(Path folder) {
    this.folder = folder;
    this.config = optional("tokenizer_config.json");
    this.specialTokens = optional("special_tokens_map.json");
    this.model = optional("config.json");
  }

  static TokenizerDefinition read(Path folder) {
    return new TokenizerFolder(folder).read();
  }

  private TokenizerDefinition read() {
    Path file = folder.resolve("tokenizer.json");
    JsonNode json = JsonFile.read(file, MOST_BYTES);
    int vocabularySize = readVocabulary(new JsonFields(file.toString(), json));
    OptionalInt eos = special("eos");
    if (eos.isEmpty()) {
      throw new UnreadableData(
          folder
              + ": expected eos_token in tokenizer_config.json or special_tokens_map.json, or "
              + "eos_token_id in config.json, found none");
    }
    return new TokenizerDefinition(
        file.toString(),
        json.toString(),
        vocabularySize,
        special("bos"),
        eos.getAsInt(),
        special("pad"),
        addsBos(),
        new ChatTemplateFiles(folder, config).read());
  }

  private @Nullable Boolean addsBos() {
    if (config == null || !config.has("add_bos_token")) {
      return null;
    }
    return config.booleanOr("add_bos_token", false);
  }

  private int readVocabulary(JsonFields fields) {
    JsonFields tokenModel = fields.object("model");
    if (tokenModel == null) {
      throw new UnreadableData(fields.source() + ": field 'model' is missing");
    }
    JsonNode vocabulary = tokenModel.node("vocab");
    if (vocabulary == null || !(vocabulary.isObject() || vocabulary.isArray())) {
      throw new UnreadableData(tokenModel.source() + ": field 'vocab' must be an object or a list");
    }
    int next = 0;
    if (vocabulary.isArray()) {
      for (JsonNode piece : vocabulary) {
        next = add(tokenModel, piece.path(0).asText(), next, next);
      }
    } else {
      for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
        next = add(tokenModel, entry.getKey(), id(tokenModel, "vocab", entry.getValue()), next);
      }
    }
    JsonNode added = fields.node("added_tokens");
    if (added != null && added.isArray()) {
      for (JsonNode token : added) {
        JsonFields one = new JsonFields(fields.source() + ": added_tokens", token);
        String content = one.text("content");
        next = add(one, content == null ? "" : content, one.requireInt("id"), next);
      }
    }
    return next;
  }

  private int add(JsonFields place, String token, int id, int next) {
    if (id < 0 || id > MOST_ID) {
      throw new UnreadableData(
          "%s: token ids must be 0 to %d, was %d".formatted(place.source(), MOST_ID, id));
    }
    ids.put(token, id);
    return Math.max(next, id + 1);
  }

  private static int id(JsonFields place, String name, JsonNode value) {
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw place.wrongType(name, "an object of token ids", value);
    }
    return value.intValue();
  }

  /** Finds a special token as transformers does: the tokenizer's own files before the model's. */
  private OptionalInt special(String name) {
    String token = token(config, name + "_token");
    if (token == null) {
      token = token(specialTokens, name + "_token");
    }
    if (token != null) {
      Integer id = ids.get(token);
      if (id == null) {
        throw new UnreadableData(
            "%s: %s_token: expected a token of tokenizer.json, found '%s'"
                .formatted(folder, name, token));
      }
      return OptionalInt.of(id);
    }
    JsonNode id = model == null ? null : model.node(name + "_token_id");
    if (id != null && id.isArray()) {
      id = id.get(0);
    }
    if (id == null) {
      return OptionalInt.empty();
    }
    if (!ids.containsValue(id.isIntegralNumber() ? id.intValue() : -1)) {
      throw new UnreadableData(
          "%s: %s_token_id: expected an id of tokenizer.json, found %s"
              .formatted(folder, name, JsonFields.describe(id)));
    }
    return OptionalInt.of(id.intValue());
  }

  private static @Nullable String token(@Nullable JsonFields fields, String name) {
    JsonNode value = fields == null ? null : fields.node(name);
    if (fields == null || value == null) {
      return null;
    }
    if (value.isObject()) {
      return new JsonFields(fields.source() + ": " + name, value).text("content");
    }
    return fields.text(name);
  }

  private @Nullable JsonFields optional(String name) {
    Path file = folder.resolve(name);
    return Files.exists(file) ? JsonFile.readObject(file, JsonFile.SETTINGS_BYTES) : null;
  }
}
