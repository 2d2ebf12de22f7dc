package dev.finetune.trainer.generate;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Finds the tokens that end an answer. */
public final class StopTokens {
  /** What the chat templates of the supported families end a turn with. */
  private static final List<String> ENDS_OF_TURNS =
      List.of("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>");

  private StopTokens() {}

  /**
   * Returns the token that ends a text, those that {@code generation_config.json} and {@code
   * config.json} name as such, and those that end a turn of a chat.
   *
   * @param model folder of the model, or another file, which has no such settings beside it
   * @param tokenizer recognizes special tokens in texts
   */
  public static Set<Integer> of(Path model, Tokenizer tokenizer) {
    Set<Integer> stops = new TreeSet<>();
    stops.add(tokenizer.eosId());
    for (String name : new String[] {"generation_config.json", "config.json"}) {
      Path file = model.resolve(name);
      if (Files.isRegularFile(file)) {
        add(stops, JsonFile.readObject(file, JsonFile.SETTINGS_BYTES));
      }
    }
    for (String text : ENDS_OF_TURNS) {
      int[] ids = tokenizer.encode(text);
      if (ids.length == 1) {
        stops.add(ids[0]);
      }
    }
    return stops;
  }

  private static void add(Set<Integer> stops, JsonFields fields) {
    JsonNode value = fields.node("eos_token_id");
    if (value == null) {
      return;
    }
    for (JsonNode id : value.isArray() ? value : List.of(value)) {
      if (!id.canConvertToInt() || !id.isIntegralNumber()) {
        throw fields.wrongType("eos_token_id", "a token id or a list of them", value);
      }
      stops.add(id.intValue());
    }
  }
}
