package dev.finetune.trainer.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The chat template of a folder in the Hugging Face layout: {@code chat_template.jinja}, else
 * {@code chat_template.json}, else {@code chat_template} of {@code tokenizer_config.json}, of
 * several templates with names the one called default.
 */
record ChatTemplateFiles(Path folder, @Nullable JsonFields config) {
  private static final String FIELD = "chat_template";
  private static final long MOST_BYTES = 1 << 20;

  /** Returns the text of the template, or null. */
  @Nullable String read() {
    Path text = folder.resolve("chat_template.jinja");
    if (Files.exists(text)) {
      return new String(JsonFile.bytes(text, MOST_BYTES), StandardCharsets.UTF_8);
    }
    Path json = folder.resolve("chat_template.json");
    if (Files.exists(json)) {
      return of(JsonFile.readObject(json, MOST_BYTES));
    }
    return config == null ? null : of(config);
  }

  private static @Nullable String of(JsonFields fields) {
    JsonNode value = fields.node(FIELD);
    if (value == null || value.isTextual()) {
      return fields.text(FIELD);
    }
    for (JsonNode named : value) {
      if (named.path("name").asText().equals("default") && named.path("template").isTextual()) {
        return named.get("template").textValue();
      }
    }
    throw new UnreadableData(
        fields.source()
            + ": field 'chat_template' must be a text, or a list with one called default");
  }
}
