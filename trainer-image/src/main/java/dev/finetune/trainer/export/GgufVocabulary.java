package dev.finetune.trainer.export;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.tokenizer.PreTokenizers;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.weights.GgufMetadata.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The metadata by which GGUF describes a byte-level BPE tokenizer. */
final class GgufVocabulary {
  private static final long NORMAL = 1;
  private static final long CONTROL = 3;
  private static final long USER_DEFINED = 4;
  private static final long UNUSED = 5;
  private static final String PREFIX = "tokenizer.ggml.";

  private GgufVocabulary() {}

  /**
   * Returns keys and values.
   *
   * @param source what to call the tokenizer in errors
   * @param size rows of the embedding; tokens that only it has are made up
   * @throws UnsupportedModel if GGUF has no word for the kind of tokenizer
   */
  static Map<String, Value> of(String source, Tokenizer tokenizer, int size) {
    JsonNode json = JsonFile.parse(source, tokenizer.json());
    JsonNode model = json.path("model");
    if (!model.path("vocab").isObject()
        || !model.path("merges").isArray()
        || model.path("byte_fallback").asBoolean()) {
      throw new UnsupportedModel(
          source + ": only byte-level BPE tokenizers can be written to GGUF, this is another kind");
    }
    String pre = PreTokenizers.name(json.path("pre_tokenizer"));
    JsonNode normalizer = json.path("normalizer");
    boolean plain = normalizer.isMissingNode() || normalizer.isNull();
    if (pre == null || !(plain || normalizer.path("type").asText().equals("NFC"))) {
      throw new UnsupportedModel(
          "%s: GGUF has no name that is known here for this normalizer and pre-tokenizer, known are %s"
              .formatted(source, PreTokenizers.NAMES));
    }
    String[] tokens = new String[size];
    long[] types = new long[size];
    for (Map.Entry<String, JsonNode> token : model.path("vocab").properties()) {
      set(tokens, types, token.getValue().asInt(-1), token.getKey(), NORMAL, source);
    }
    for (JsonNode token : json.path("added_tokens")) {
      long type = token.path("special").asBoolean() ? CONTROL : USER_DEFINED;
      set(tokens, types, token.path("id").asInt(-1), token.path("content").asText(), type, source);
    }
    for (int id = 0; id < size; id++) {
      if (types[id] == 0) {
        tokens[id] = "[PAD" + id + "]";
        types[id] = UNUSED;
      }
    }
    Map<String, Value> metadata = new LinkedHashMap<>();
    metadata.put(PREFIX + "model", new Value.Text("gpt2"));
    metadata.put(PREFIX + "pre", new Value.Text(pre));
    metadata.put(PREFIX + "tokens", new Value.Texts(Arrays.asList(tokens)));
    metadata.put(PREFIX + "token_type", new Value.Ints(types));
    metadata.put(PREFIX + "merges", new Value.Texts(merges(model.path("merges"))));
    putSpecial(metadata, tokenizer);
    return metadata;
  }

  private static void set(
      String[] tokens, long[] types, int id, String text, long type, String source) {
    if (id < 0 || id >= tokens.length) {
      throw new UnsupportedModel(
          "%s: token ids must be below the %d rows of the embedding, was %d"
              .formatted(source, tokens.length, id));
    }
    tokens[id] = text;
    types[id] = type;
  }

  private static List<String> merges(JsonNode merges) {
    List<String> texts = new ArrayList<>();
    for (JsonNode merge : merges) {
      texts.add(
          merge.isArray() ? merge.path(0).asText() + " " + merge.path(1).asText() : merge.asText());
    }
    return texts;
  }

  private static void putSpecial(Map<String, Value> metadata, Tokenizer tokenizer) {
    tokenizer.bosId().ifPresent(id -> metadata.put(PREFIX + "bos_token_id", new Value.Int(id)));
    metadata.put(PREFIX + "eos_token_id", new Value.Int(tokenizer.eosId()));
    tokenizer.padId().ifPresent(id -> metadata.put(PREFIX + "padding_token_id", new Value.Int(id)));
    metadata.put(PREFIX + "add_bos_token", new Value.Bool(tokenizer.addsBos()));
  }
}
