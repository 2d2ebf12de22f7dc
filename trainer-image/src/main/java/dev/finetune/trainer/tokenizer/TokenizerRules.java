package dev.finetune.trainer.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.expression.SafeExpression;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * What a {@code tokenizer.json} may say, checked before the native library sees it: that library
 * ends the process where a definition contradicts itself, and has no bound on the memory or the
 * time that a definition can ask for.
 */
final class TokenizerRules {
  /** Added tokens; each makes loading the next one slower. */
  private static final int MOST_ADDED = 1 << 14;

  /** Steps of normalizer, pre-tokenizer, post-processor and decoder together. */
  private static final int MOST_STEPS = 64;

  /** Bytes that one byte of a text may become on its way through all steps. */
  private static final long MOST_GROWTH = 256;

  private static final int LONGEST_CONTENT = 64;
  private static final int LONGEST_SUFFIX = 64;
  private static final int MOST_STRIPPED = 64;
  private static final int LONGEST_TEMPLATE = 64;

  /** Characters for which one match of one unbounded repetition stays below the library's limit. */
  private static final int MOST_CHARACTERS = 9_000_000;

  private final String source;
  private int steps;
  private int unbounded = 1;
  private long growth = 1;

  private TokenizerRules(String source) {
    this.source = source;
  }

  /**
   * Checks a definition.
   *
   * @param source what to call it in errors
   * @return most characters of a text that it may be asked to encode
   * @throws UnsupportedModel if it has a part that is not supported
   * @throws UnreadableData if a part says what cannot be
   */
  static int check(String source, JsonNode json) {
    TokenizerRules rules = new TokenizerRules(source);
    JsonFields fields = new JsonFields(source, json);
    rules.added(fields);
    rules.model(fields);
    for (String part : new String[] {"normalizer", "pre_tokenizer", "post_processor"}) {
      rules.part(part, fields);
    }
    rules.growth = 1;
    rules.part("decoder", fields);
    return MOST_CHARACTERS / rules.unbounded;
  }

  private void added(JsonFields fields) {
    JsonNode added = fields.node("added_tokens");
    if (added == null) {
      return;
    }
    if (!added.isArray() || added.size() > MOST_ADDED) {
      throw broken("added_tokens", "must be a list of at most " + MOST_ADDED + " tokens");
    }
    for (JsonNode token : added) {
      String content = new JsonFields(source + ": added_tokens", token).text("content");
      if (content == null || content.isEmpty()) {
        throw broken("added_tokens", "must each have a content that is not empty");
      }
    }
  }

  private void model(JsonFields fields) {
    JsonFields model = fields.object("model");
    if (model == null) {
      throw new UnreadableData(source + ": field 'model' is missing");
    }
    String type = model.text("type");
    if (type == null && !model.has("merges")) {
      throw broken("model", "not a tokenizer: has neither a type nor merges");
    }
    switch (type == null ? "BPE" : type) {
      case "BPE" -> bytePairs(model);
      case "Unigram" -> unigram(model);
      default ->
          throw new UnsupportedModel(
              "%s: tokenizer model '%s' is not supported, use BPE or Unigram"
                  .formatted(source, type));
    }
  }

  private void bytePairs(JsonFields model) {
    if (model.doubleOr("dropout", 0) != 0) {
      throw new UnsupportedModel(
          source
              + ": dropout of a tokenizer is not supported: a text would not always be the same");
    }
    String prefix = model.text("continuing_subword_prefix");
    if (prefix != null && !prefix.isEmpty()) {
      throw new UnsupportedModel(
          source + ": continuing_subword_prefix of a tokenizer is not supported");
    }
    length("model", model, "end_of_word_suffix", LONGEST_SUFFIX);
    JsonNode vocabulary = model.node("vocab");
    if (vocabulary == null || !vocabulary.isObject()) {
      throw broken("model", "must have a vocab that is an object");
    }
  }

  /** A character that is no piece becomes the unknown one, or there is no way to encode it. */
  private void unigram(JsonFields model) {
    JsonNode vocabulary = model.node("vocab");
    int unknown = model.intOr("unk_id", -1);
    if (vocabulary == null
        || !vocabulary.isArray()
        || unknown < 0
        || unknown >= vocabulary.size()) {
      throw broken("model", "must have a vocab that is a list, and an unk_id within it");
    }
    for (JsonNode piece : vocabulary) {
      if (piece.size() != 2 || !piece.path(0).isTextual() || !isFinite(piece.path(1))) {
        throw broken("model", "must have pieces of a text and a finite number");
      }
    }
  }

  private static boolean isFinite(JsonNode number) {
    return number.isNumber() && Double.isFinite(number.doubleValue());
  }

  private void part(String part, JsonFields fields) {
    JsonFields step = fields.object(part);
    if (step != null) {
      step(part, step);
    }
  }

  private void step(String part, JsonFields step) {
    if (++steps > MOST_STEPS) {
      throw broken(part, "must have at most " + MOST_STEPS + " steps with the other parts");
    }
    String type = String.valueOf(step.text("type"));
    switch (part + " " + type) {
      case "normalizer Sequence" -> sequence(part, step, "normalizers");
      case "pre_tokenizer Sequence" -> sequence(part, step, "pretokenizers");
      case "post_processor Sequence" -> sequence(part, step, "processors");
      case "decoder Sequence" -> sequence(part, step, "decoders");
      case "normalizer NFC",
          "normalizer NFD",
          "normalizer Lowercase",
          "normalizer BertNormalizer" ->
          grow(part, 4);
      case "normalizer NFKC", "normalizer NFKD" -> grow(part, 11);
      case "normalizer ByteLevel" -> grow(part, 2);
      case "normalizer Prepend" -> length(part, step, "prepend", LONGEST_CONTENT);
      case "normalizer Replace", "decoder Replace" -> replace(part, step);
      case "pre_tokenizer ByteLevel" -> {
        grow(part, 2);
        // Its own expression is that of GPT-2.
        unbounded = Math.max(unbounded, step.booleanOr("use_regex", true) ? 6 : 1);
      }
      case "pre_tokenizer Metaspace", "decoder Metaspace" -> grow(part, 4);
      case "pre_tokenizer Split" -> pattern(part, step);
      case "pre_tokenizer FixedLength" -> atLeastOne(part, step);
      case "post_processor TemplateProcessing" -> template(part, step);
      case "decoder Strip" -> stripped(part, step);
      case "decoder BPEDecoder" -> length(part, step, "suffix", LONGEST_SUFFIX);
      case "normalizer Strip",
          "normalizer StripAccents",
          "normalizer Nmt",
          "pre_tokenizer Digits",
          "pre_tokenizer Punctuation",
          "pre_tokenizer Whitespace",
          "pre_tokenizer WhitespaceSplit",
          "pre_tokenizer BertPreTokenizer",
          "pre_tokenizer CharDelimiterSplit",
          "pre_tokenizer UnicodeScripts",
          "post_processor ByteLevel",
          "post_processor RobertaProcessing",
          "post_processor BertProcessing",
          "decoder ByteLevel",
          "decoder ByteFallback",
          "decoder Fuse" -> {
        // Nothing to set that could do harm.
      }
      default ->
          throw new UnsupportedModel("%s: %s '%s' is not supported".formatted(source, part, type));
    }
  }

  private void sequence(String part, JsonFields step, String name) {
    JsonNode list = step.node(name);
    if (list == null || !list.isArray()) {
      throw broken(part, "must have a list of " + name);
    }
    for (JsonNode inner : list) {
      step(part, new JsonFields(source + ": " + part, inner));
    }
  }

  private void grow(String part, long factor) {
    growth *= factor;
    if (growth > MOST_GROWTH) {
      throw broken(part, "must not make a text more than " + MOST_GROWTH + " times as long");
    }
  }

  private void replace(String part, JsonFields step) {
    int pattern = pattern(part, step);
    length(part, step, "content", LONGEST_CONTENT);
    String content = step.text("content");
    int bytes = content == null ? 0 : content.getBytes(StandardCharsets.UTF_8).length;
    grow(part, Math.max(1, Math.ceilDiv(bytes, pattern)));
  }

  /** Checks a pattern and returns the least number of bytes that it matches. */
  private int pattern(String part, JsonFields step) {
    JsonFields pattern = step.object("pattern");
    String text = pattern == null ? null : pattern.text("String");
    String expression = pattern == null ? null : pattern.text("Regex");
    if (text != null && expression == null && !text.isEmpty()) {
      return text.getBytes(StandardCharsets.UTF_8).length;
    }
    if (text != null || expression == null) {
      throw broken(part, "must have a pattern with a String that is not empty, or a Regex");
    }
    try {
      unbounded = Math.max(unbounded, SafeExpression.checkLinear(expression));
      return 1;
    } catch (SafeExpression.Refused e) {
      throw new UnsupportedModel(
          "%s: %s: regular expression '%s' is not supported: it %s"
              .formatted(source, part, expression, e.getMessage()),
          e);
    }
  }

  private void atLeastOne(String part, JsonFields step) {
    if (step.intOr("length", 1) < 1) {
      throw broken(part, "must have a length of at least 1");
    }
  }

  private void stripped(String part, JsonFields step) {
    for (String end : new String[] {"start", "stop"}) {
      int count = step.intOr(end, 0);
      if (count < 0 || count > MOST_STRIPPED) {
        throw broken(part, "must strip 0 to " + MOST_STRIPPED + " characters, was " + count);
      }
    }
  }

  /**
   * Every special token that a template names must be one that it defines, and the template of one
   * text has no place for a second one.
   */
  private void template(String part, JsonFields step) {
    JsonFields known = step.object("special_tokens");
    for (String name : new String[] {"single", "pair"}) {
      JsonNode pieces = step.node(name);
      if (pieces == null || !pieces.isArray() || pieces.size() > LONGEST_TEMPLATE) {
        throw broken(part, "must have a list '" + name + "' of at most " + LONGEST_TEMPLATE);
      }
      for (JsonNode piece : pieces) {
        JsonNode special = piece.path("SpecialToken");
        JsonNode sequence = piece.path("Sequence");
        if (!(special.isMissingNode() ? sequence : special).path("id").isTextual()) {
          throw broken(part, "must have pieces that are a SpecialToken or a Sequence with an id");
        }
        String id = special.path("id").asText();
        if (!special.isMissingNode() && (known == null || !known.has(id))) {
          throw broken(part, "must define the special token '" + id + "' that it uses");
        }
        if (name.equals("single") && sequence.path("id").asText("A").equals("B")) {
          throw broken(part, "must not name the Sequence B in 'single'");
        }
      }
    }
    JsonNode special = step.node("special_tokens");
    if (special != null) {
      for (Map.Entry<String, JsonNode> token : special.properties()) {
        if (token.getValue().path("ids").size() > LONGEST_TEMPLATE) {
          throw broken(part, "must have at most " + LONGEST_TEMPLATE + " ids for a special token");
        }
      }
    }
  }

  private void length(String part, JsonFields step, String name, int most) {
    String value = step.text(name);
    if (value != null && value.length() > most) {
      throw broken(
          part,
          "must have a %s of at most %d characters, has %d".formatted(name, most, value.length()));
    }
  }

  private UnreadableData broken(String part, String message) {
    return new UnreadableData(source + ": " + part + ": " + message);
  }
}
