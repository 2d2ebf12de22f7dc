package dev.finetune.trainer.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.weights.GgufMetadata;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Rebuilds a byte-level BPE tokenizer from the metadata of a GGUF file. */
final class GgufTokenizer {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final long CONTROL = 3;
  private static final long USER_DEFINED = 4;

  private final GgufMetadata metadata;
  private final List<String> tokens;
  private final long[] types;

  private GgufTokenizer(GgufMetadata metadata) {
    this.metadata = metadata;
    this.tokens = metadata.requireTexts(PREFIX + "tokens");
    this.types = metadata.requireInts(PREFIX + "token_type");
    if (types.length != tokens.size()) {
      throw new UnreadableData(
          "%s: metadata '%stoken_type' must have %d elements as the tokens have, had %d"
              .formatted(metadata.source(), PREFIX, tokens.size(), types.length));
    }
  }

  /**
   * Rebuilds the tokenizer.
   *
   * @throws UnsupportedModel if it is not a byte-level BPE with a pre-tokenizer that is known here
   * @throws UnreadableData if the metadata contradicts itself
   */
  static TokenizerDefinition read(GgufMetadata metadata) {
    String model = metadata.requireText(PREFIX + "model");
    if (!model.equals("gpt2")) {
      throw new UnsupportedModel(
          "%s: tokenizer model '%s' is not supported, use gpt2 (byte-level BPE)"
              .formatted(metadata.source(), model));
    }
    return new GgufTokenizer(metadata).read();
  }

  private TokenizerDefinition read() {
    OptionalInt eos = special("eos_token_id");
    if (eos.isEmpty()) {
      throw new UnreadableData(
          metadata.source() + ": metadata '" + PREFIX + "eos_token_id' is missing");
    }
    return new TokenizerDefinition(
        metadata.source(),
        json(),
        tokens.size(),
        special("bos_token_id"),
        eos.getAsInt(),
        special("padding_token_id"),
        metadata.booleanOr(PREFIX + "add_bos_token", false),
        metadata.text("tokenizer.chat_template"));
  }

  private OptionalInt special(String name) {
    if (!metadata.has(PREFIX + name)) {
      return OptionalInt.empty();
    }
    int id = metadata.requireInt(PREFIX + name);
    if (id >= tokens.size()) {
      throw new UnreadableData(
          "%s: metadata '%s' must be below the number of tokens %d, was %d"
              .formatted(metadata.source(), PREFIX + name, tokens.size(), id));
    }
    return OptionalInt.of(id);
  }

  private String json() {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = JsonFile.factory().createGenerator(text)) {
      json.writeStartObject();
      json.writeStringField("version", "1.0");
      writeAddedTokens(json);
      String name = metadata.requireText(PREFIX + "pre");
      if (PreTokenizers.composes(name)) {
        json.writeObjectFieldStart("normalizer");
        json.writeStringField("type", "NFC");
        json.writeEndObject();
      }
      writePreTokenizer(name, json);
      json.writeFieldName("decoder");
      PreTokenizers.writeByteLevel(json, true);
      writeModel(PreTokenizers.ignoresMerges(name), json);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private void writeAddedTokens(JsonGenerator json) throws IOException {
    json.writeArrayFieldStart("added_tokens");
    for (int id = 0; id < types.length; id++) {
      if (types[id] == CONTROL || types[id] == USER_DEFINED) {
        json.writeStartObject();
        json.writeNumberField("id", id);
        json.writeStringField("content", tokens.get(id));
        for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
          json.writeBooleanField(flag, false);
        }
        json.writeBooleanField("special", types[id] == CONTROL);
        json.writeEndObject();
      }
    }
    json.writeEndArray();
  }

  private void writePreTokenizer(String name, JsonGenerator json) throws IOException {
    json.writeFieldName("pre_tokenizer");
    if (!PreTokenizers.write(name, json)) {
      throw new UnsupportedModel(
          "%s: pre-tokenizer '%s' is not supported, use %s"
              .formatted(metadata.source(), name, PreTokenizers.NAMES));
    }
  }

  private void writeModel(boolean ignoresMerges, JsonGenerator json) throws IOException {
    json.writeObjectFieldStart("model");
    json.writeStringField("type", "BPE");
    for (String flag : List.of("fuse_unk", "byte_fallback")) {
      json.writeBooleanField(flag, false);
    }
    json.writeBooleanField("ignore_merges", ignoresMerges);
    Map<String, Integer> ids = new HashMap<>();
    json.writeObjectFieldStart("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      if (ids.putIfAbsent(tokens.get(id), id) != null) {
        throw new UnreadableData(
            "%s: metadata '%stokens': token %d is the same as token %d"
                .formatted(metadata.source(), PREFIX, id, ids.get(tokens.get(id))));
      }
      json.writeNumberField(tokens.get(id), id);
    }
    json.writeEndObject();
    json.writeArrayFieldStart("merges");
    List<String> merges = metadata.requireTexts(PREFIX + "merges");
    for (int i = 0; i < merges.size(); i++) {
      writeMerge(json, ids, merges.get(i), i);
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private void writeMerge(JsonGenerator json, Map<String, Integer> ids, String merge, int index)
      throws IOException {
    int space = merge.indexOf(' ', 1);
    if (space < 0
        || !ids.containsKey(merge.substring(0, space))
        || !ids.containsKey(merge.substring(space + 1))
        || !ids.containsKey(merge.substring(0, space) + merge.substring(space + 1))) {
      throw new UnreadableData(
          "%s: metadata '%smerges'[%d] must be two tokens that make a token"
              .formatted(metadata.source(), PREFIX, index));
    }
    json.writeStartArray();
    json.writeString(merge.substring(0, space));
    json.writeString(merge.substring(space + 1));
    json.writeEndArray();
  }
}
