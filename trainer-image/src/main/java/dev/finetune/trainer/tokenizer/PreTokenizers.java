package dev.finetune.trainer.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How byte-level BPE tokenizers divide a text before they merge bytes, by the names that GGUF has
 * for it: as GPT-2 does; single digits first (SmolLM2); or by a regular expression (Llama 3, Qwen
 * 2).
 */
public final class PreTokenizers {
  /** The names that are known. */
  public static final String NAMES = "gpt-2, smollm, llama-bpe or qwen2";

  private static final String BEFORE_DIGITS =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}";
  private static final String AFTER_DIGITS =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final Map<String, String> EXPRESSIONS =
      Map.of(
          "llama-bpe", BEFORE_DIGITS + "{1,3}" + AFTER_DIGITS,
          "qwen2", BEFORE_DIGITS + AFTER_DIGITS);

  private PreTokenizers() {}

  /** Returns GGUF's name of the {@code pre_tokenizer} of a {@code tokenizer.json}, or null. */
  public static @Nullable String name(JsonNode preTokenizer) {
    if (byteLevel(preTokenizer, true)) {
      return "gpt-2";
    }
    JsonNode steps = preTokenizer.path("pretokenizers");
    if (!preTokenizer.path("type").asText().equals("Sequence") || steps.size() != 2) {
      return null;
    }
    JsonNode first = steps.get(0);
    if (first.path("type").asText().equals("Digits")
        && first.path("individual_digits").asBoolean()
        && byteLevel(steps.get(1), true)) {
      return "smollm";
    }
    if (!first.path("type").asText().equals("Split")
        || !first.path("behavior").asText().equals("Isolated")
        || first.path("invert").asBoolean()
        || !byteLevel(steps.get(1), false)) {
      return null;
    }
    String expression = first.path("pattern").path("Regex").asText();
    for (Map.Entry<String, String> known : EXPRESSIONS.entrySet()) {
      if (known.getValue().equals(expression)) {
        return known.getKey();
      }
    }
    return null;
  }

  private static boolean byteLevel(JsonNode step, boolean byExpression) {
    return step.path("type").asText().equals("ByteLevel")
        && !step.path("add_prefix_space").asBoolean()
        && step.path("use_regex").asBoolean(true) == byExpression;
  }

  /** Returns whether texts are composed by Unicode's rules (NFC) before anything else. */
  static boolean composes(String name) {
    return name.equals("qwen2");
  }

  /** Returns whether a piece that is a token is taken as it is, whatever the merges would make. */
  static boolean ignoresMerges(String name) {
    return name.equals("llama-bpe");
  }

  /**
   * Writes the object that a name stands for, its beginning and its end.
   *
   * @return whether the name is known; nothing is written otherwise
   */
  static boolean write(String name, JsonGenerator json) throws IOException {
    if (name.equals("gpt-2")) {
      writeByteLevel(json, true);
      return true;
    }
    String expression = EXPRESSIONS.get(name);
    if (expression == null && !name.equals("smollm")) {
      return false;
    }
    json.writeStartObject();
    json.writeStringField("type", "Sequence");
    json.writeArrayFieldStart("pretokenizers");
    json.writeStartObject();
    if (expression == null) {
      json.writeStringField("type", "Digits");
      json.writeBooleanField("individual_digits", true);
    } else {
      json.writeStringField("type", "Split");
      json.writeObjectFieldStart("pattern");
      json.writeStringField("Regex", expression);
      json.writeEndObject();
      json.writeStringField("behavior", "Isolated");
      json.writeBooleanField("invert", false);
    }
    json.writeEndObject();
    writeByteLevel(json, expression == null);
    json.writeEndArray();
    json.writeEndObject();
    return true;
  }

  /** Writes a byte-level step, or a decoder, which looks the same. */
  static void writeByteLevel(JsonGenerator json, boolean byExpression) throws IOException {
    json.writeStartObject();
    json.writeStringField("type", "ByteLevel");
    for (String flag : List.of("add_prefix_space", "trim_offsets", "use_regex")) {
      json.writeBooleanField(
          flag, flag.equals("trim_offsets") || (flag.equals("use_regex") && byExpression));
    }
    json.writeEndObject();
  }
}
