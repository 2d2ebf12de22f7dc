package dev.finetune.trainer.source;

import dev.finetune.trainer.failure.UnreadableData;
import java.util.List;
import java.util.Set;

/**
 * Which files of a model's repository are read: configuration, weights in safetensors and the
 * tokenizer, of the top folder. Never pickles, which run code when they are opened, nor the same
 * weights in other formats.
 */
final class HubModelFiles {
  private static final Set<String> NAMES =
      Set.of(
          "config.json",
          "generation_config.json",
          "model.safetensors.index.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "tokenizer.model",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "vocab.txt",
          "merges.txt",
          "chat_template.json",
          "chat_template.jinja");

  private HubModelFiles() {}

  /**
   * Chooses files.
   *
   * @param listed those of the top folder
   * @throws UnreadableData if they are no model in safetensors
   */
  static List<HubFile> of(String field, HubLocation location, List<HubFile> listed) {
    List<HubFile> chosen = listed.stream().filter(file -> isRead(file.name())).toList();
    boolean config = chosen.stream().anyMatch(file -> file.name().equals("config.json"));
    boolean weights = chosen.stream().anyMatch(file -> file.name().endsWith(".safetensors"));
    if (config && weights) {
      return chosen;
    }
    List<String> gguf =
        listed.stream().map(HubFile::name).filter(name -> name.endsWith(".gguf")).toList();
    if (!gguf.isEmpty()) {
      throw new UnreadableData(
          "%s: %s is no model folder; add the name of one of its files, such as %s/%s"
              .formatted(field, location, location, gguf.getFirst()));
    }
    throw new UnreadableData(
        "%s: %s must hold a config.json and weights in .safetensors, but has no %s"
            .formatted(field, location, config ? ".safetensors" : "config.json"));
  }

  /** Mistral's repositories hold all weights again in one file of another layout. */
  private static boolean isRead(String name) {
    return NAMES.contains(name)
        || (name.endsWith(".safetensors")
            && !name.startsWith("consolidated")
            && !name.startsWith("adapter_model"));
  }
}
