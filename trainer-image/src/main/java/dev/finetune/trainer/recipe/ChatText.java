package dev.finetune.trainer.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.chat.ChatTemplate;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.weights.GgufReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The chat template of a model and perhaps an adapter.
 *
 * @param source where it was found
 * @param text Jinja
 */
record ChatText(String source, String text) {
  private static final String FILE = "chat_template.jinja";
  private static final String FIELD = "chat_template";
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  /**
   * Finds the template: the one beside the adapter is the one that it was trained with.
   *
   * @param place folder or file of the base model
   * @param adapter folder of the adapter, or null
   * @return null if there is none
   */
  static @Nullable ChatText find(Path place, BaseModel base, @Nullable Path adapter) {
    if (adapter != null && Files.exists(adapter.resolve(FILE))) {
      return read(adapter.resolve(FILE));
    }
    if (base.weights() instanceof GgufReader gguf) {
      String text = gguf.metadata().text("tokenizer.chat_template");
      return text == null ? null : new ChatText(place.toString(), text);
    }
    if (Files.exists(place.resolve(FILE))) {
      return read(place.resolve(FILE));
    }
    Path settings = place.resolve("tokenizer_config.json");
    return Files.exists(settings)
        ? of(settings, JsonFile.read(settings, JsonFile.SETTINGS_BYTES).path(FIELD))
        : null;
  }

  private static ChatText read(Path file) {
    byte[] bytes = JsonFile.bytes(file, JsonFile.SETTINGS_BYTES);
    return new ChatText(file.toString(), new String(bytes, StandardCharsets.UTF_8));
  }

  /** A template, or a list of templates with names. */
  private static @Nullable ChatText of(Path settings, JsonNode value) {
    if (value.isTextual()) {
      return new ChatText(settings.toString(), value.asText());
    }
    for (JsonNode named : value) {
      if (named.path("name").asText().equals("default")) {
        return new ChatText(settings.toString(), named.path("template").asText());
      }
    }
    return null;
  }

  /**
   * Returns the text of a conversation that ends where the assistant begins to answer.
   *
   * @param system what the system message says, or null for none
   */
  String render(Tokenizer tokenizer, @Nullable String system, String user) {
    Map<String, String> special = new HashMap<>();
    special.put("eos_token", spelling(tokenizer, tokenizer.eosId()));
    tokenizer.bosId().ifPresent(id -> special.put("bos_token", spelling(tokenizer, id)));
    tokenizer.padId().ifPresent(id -> special.put("pad_token", spelling(tokenizer, id)));
    ChatTemplate template = ChatTemplate.of(source, text, special, () -> ChatTemplate.TRAINING_DAY);
    ArrayNode messages = MAPPER.createArrayNode();
    if (system != null) {
      messages.addObject().put("role", "system").put("content", system);
    }
    messages.addObject().put("role", "user").put("content", user);
    return template.render(messages, null, true).text();
  }

  private static String spelling(Tokenizer tokenizer, int id) {
    return tokenizer.decode(new int[] {id}, false);
  }

  /**
   * Returns the template.
   *
   * @throws InvalidConfiguration if there is none
   */
  static ChatText require(Path place, BaseModel base, @Nullable Path adapter) {
    ChatText found = find(place, base, adapter);
    if (found == null) {
      throw new InvalidConfiguration(
          "--chat: neither the adapter nor the base model has a chat template: " + place);
    }
    return found;
  }
}
