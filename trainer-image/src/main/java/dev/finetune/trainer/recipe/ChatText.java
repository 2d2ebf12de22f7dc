package dev.finetune.trainer.recipe;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.chat.ChatTemplate;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The chat template of a model and perhaps an adapter.
 *
 * @param source where it was found
 * @param text Jinja
 */
record ChatText(String source, String text) {
  private static final String FILE = "chat_template.jinja";
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  /**
   * Finds the template: the one beside the adapter is the one that it was trained with.
   *
   * @param adapter folder of the adapter, or null
   * @return null if there is none
   */
  static @Nullable ChatText find(BaseModel base, @Nullable Path adapter) {
    if (adapter != null && Files.exists(adapter.resolve(FILE))) {
      Path file = adapter.resolve(FILE);
      byte[] bytes = JsonFile.bytes(file, JsonFile.SETTINGS_BYTES);
      return new ChatText(file.toString(), new String(bytes, StandardCharsets.UTF_8));
    }
    String own = base.tokenizer().chatTemplate();
    return own == null ? null : new ChatText(base.tokenizer().source(), own);
  }

  /**
   * Returns the text of a conversation that ends where the assistant begins to answer.
   *
   * @param system what the system message says, or null for none
   */
  String render(Tokenizer tokenizer, @Nullable String system, String user) {
    ChatTemplate template =
        ChatTemplate.of(
            source, text, ChatTemplate.specialTokens(tokenizer), () -> ChatTemplate.TRAINING_DAY);
    ArrayNode messages = MAPPER.createArrayNode();
    if (system != null) {
      messages.addObject().put("role", "system").put("content", system);
    }
    messages.addObject().put("role", "user").put("content", user);
    return template.render(messages, null, true).text();
  }

  /**
   * Returns the template.
   *
   * @throws InvalidConfiguration if there is none
   */
  static ChatText require(BaseModel base, @Nullable Path adapter) {
    ChatText found = find(base, adapter);
    if (found == null) {
      throw new InvalidConfiguration(
          "--chat: neither the adapter nor the base model has a chat template: " + base.name());
    }
    return found;
  }
}
