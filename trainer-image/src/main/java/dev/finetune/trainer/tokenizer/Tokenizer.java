package dev.finetune.trainer.tokenizer;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.weights.GgufMetadata;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Turns text into the token ids that a base model knows, and back.
 *
 * <p>No special token is ever added: who needs BOS or EOS puts its id there. A tokenizer holds
 * native memory until it is closed; it may be used by several threads at once.
 */
public final class Tokenizer implements AutoCloseable {
  private static final Map<String, String> AS_IT_IS =
      Map.of(
          "addSpecialTokens", "false",
          "truncation", "DO_NOT_TRUNCATE",
          "padding", "DO_NOT_PAD");

  private final TokenizerDefinition definition;
  private final HuggingFaceTokenizer decoder;
  private final HuggingFaceTokenizer encoder;
  private final boolean addsBos;
  private final int mostCharacters;
  private final BitSet special;

  private Tokenizer(TokenizerDefinition definition, SpecialTokensInText specialTokens) {
    this.definition = definition;
    ObjectNode json = parse(definition);
    this.mostCharacters = TokenizerRules.check(definition.source(), json);
    this.special = special(json);
    // Never wanted here, and without a bound.
    json.putNull("truncation");
    json.putNull("padding");
    this.decoder = load(definition.source(), json.toString());
    this.encoder =
        switch (specialTokens) {
          case RECOGNIZED -> decoder;
          case PLAIN -> load(definition.source(), withoutSpecialTokens(json));
        };
    Boolean told = definition.addsBos();
    this.addsBos = definition.bos().isPresent() && (told == null ? postProcessorAddsBos() : told);
  }

  /**
   * Loads a tokenizer from a folder in the Hugging Face layout: {@code tokenizer.json}, and what
   * {@code tokenizer_config.json}, {@code special_tokens_map.json} and {@code config.json} say of
   * special tokens. The caller closes it.
   *
   * @throws UnreadableData if a file is missing, broken, or names a token that there is not
   */
  public static Tokenizer fromFolder(Path folder, SpecialTokensInText specialTokens) {
    return new Tokenizer(TokenizerFolder.read(folder), specialTokens);
  }

  /**
   * Rebuilds a tokenizer from the metadata of a GGUF file. The caller closes it.
   *
   * @throws UnreadableData if the metadata is incomplete or contradicts itself
   * @throws dev.finetune.trainer.failure.UnsupportedModel if the kind of tokenizer is not supported
   */
  public static Tokenizer fromGguf(GgufMetadata metadata, SpecialTokensInText specialTokens) {
    return new Tokenizer(GgufTokenizer.read(metadata), specialTokens);
  }

  /** Returns one more than the highest token id. */
  public int vocabularySize() {
    return definition.vocabularySize();
  }

  /** Returns the id of the token that begins a text, if there is one. */
  public OptionalInt bosId() {
    return definition.bos();
  }

  /** Returns the id of the token that ends a text. */
  public int eosId() {
    return definition.eos();
  }

  /** Returns the id of the token that fills up rows, if there is one. */
  public OptionalInt padId() {
    return definition.pad();
  }

  /** Returns whether the model was made for texts that begin with BOS. */
  public boolean addsBos() {
    return addsBos;
  }

  /** Returns whether a token is one of those that mark, such as the end of a turn. */
  public boolean isSpecial(int id) {
    return special.get(id);
  }

  /** Returns the Jinja template of conversations that the model was made with, or null. */
  public @Nullable String chatTemplate() {
    return definition.chatTemplate();
  }

  /** Returns what errors call the tokenizer. */
  public String source() {
    return definition.source();
  }

  /** Returns the text of a {@code tokenizer.json} that makes this tokenizer. */
  public String json() {
    return definition.json();
  }

  /**
   * Turns text into token ids.
   *
   * @throws UnreadableData if the text is longer than {@link #mostCharacters}, or the tokenizer has
   *     no token for it
   */
  public int[] encode(String text) {
    return ids(encoding(text));
  }

  /** Returns the most characters of a text, which its regular expressions bound. */
  public int mostCharacters() {
    return mostCharacters;
  }

  private Encoding encoding(String text) {
    if (text.length() > mostCharacters) {
      throw new UnreadableData(
          "%s: a text must have at most %d characters for this tokenizer, had %d"
              .formatted(definition.source(), mostCharacters, text.length()));
    }
    try {
      return encoder.encode(wellFormed(text), false, false);
    } catch (RuntimeException e) {
      // The binding has no type of its own for a text that a definition has no token for.
      throw new UnreadableData(
          definition.source() + ": could not encode a text: " + e.getMessage(), e);
    }
  }

  /**
   * Turns text into token ids with the place of each.
   *
   * @throws UnreadableData as {@link #encode}
   */
  public EncodedText encodeWithOffsets(String text) {
    Encoding encoding = encoding(text);
    CharSpan[] spans = encoding.getCharTokenSpans();
    int[] places = charPlaces(text);
    int[] starts = new int[spans.length];
    int[] ends = new int[spans.length];
    for (int i = 0; i < spans.length; i++) {
      CharSpan span = spans[i];
      if (span == null) {
        // A token of no text of its own lies where the one before it ends.
        starts[i] = i == 0 ? 0 : ends[i - 1];
        ends[i] = starts[i];
        continue;
      }
      starts[i] = places[Math.clamp(span.getStart(), 0, places.length - 1)];
      ends[i] = places[Math.clamp(span.getEnd(), 0, places.length - 1)];
    }
    return new EncodedText(ids(encoding), starts, ends);
  }

  /**
   * Turns token ids into text. Bytes that are not UTF-8 become the replacement character.
   *
   * @param skipSpecialTokens whether special tokens are left out
   * @throws IllegalArgumentException if an id is not of the vocabulary
   */
  public String decode(int[] ids, boolean skipSpecialTokens) {
    for (int id : ids) {
      if (id < 0 || id >= vocabularySize()) {
        throw new IllegalArgumentException(
            "token ids must be 0 to " + (vocabularySize() - 1) + ", was " + id);
      }
    }
    return decoder.decode(Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens);
  }

  /** Lets go of the native memory. */
  @Override
  public void close() {
    if (encoder != decoder) {
      encoder.close();
    }
    decoder.close();
  }

  private boolean postProcessorAddsBos() {
    try {
      long[] with = decoder.encode("", true, false).getIds();
      return with.length > 0 && with[0] == definition.bos().orElseThrow();
    } catch (RuntimeException e) {
      close();
      throw new UnreadableData(definition.source() + ": not a tokenizer: " + e.getMessage(), e);
    }
  }

  private static HuggingFaceTokenizer load(String source, String json) {
    // The binding reports its use to its vendor unless it is told not to.
    System.setProperty("OPT_OUT_TRACKING", "true");
    try {
      return HuggingFaceTokenizer.newInstance(
          new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)), AS_IT_IS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      // The binding has no type of its own for a definition that it refuses.
      throw new UnreadableData(source + ": not a tokenizer: " + e.getMessage(), e);
    }
  }

  private static ObjectNode parse(TokenizerDefinition definition) {
    if (JsonFile.parse(definition.source(), definition.json()) instanceof ObjectNode json) {
      return json;
    }
    throw new UnreadableData(definition.source() + ": expected a JSON object");
  }

  private static BitSet special(ObjectNode json) {
    BitSet special = new BitSet();
    for (JsonNode token : json.path("added_tokens")) {
      int id = token.path("id").asInt(-1);
      if (id >= 0 && token.path("special").asBoolean()) {
        special.set(id);
      }
    }
    return special;
  }

  private static String withoutSpecialTokens(ObjectNode json) {
    if (json.get("added_tokens") instanceof ArrayNode added) {
      for (Iterator<JsonNode> tokens = added.iterator(); tokens.hasNext(); ) {
        if (tokens.next().path("special").asBoolean()) {
          tokens.remove();
        }
      }
    }
    return json.toString();
  }

  private int[] ids(Encoding encoding) {
    long[] ids = encoding.getIds();
    for (long id : ids) {
      if (id < 0 || id >= vocabularySize()) {
        throw new UnreadableData(
            "%s: makes token %d of a text, but has only %d tokens"
                .formatted(definition.source(), id, vocabularySize()));
      }
    }
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  /** Returns, for each code point and for the end, its index in chars. */
  private static int[] charPlaces(String text) {
    int[] places = new int[text.codePointCount(0, text.length()) + 1];
    int at = 0;
    for (int i = 0; i < places.length; i++) {
      places[i] = at;
      at += at < text.length() ? Character.charCount(text.codePointAt(at)) : 0;
    }
    return places;
  }

  /** Replaces halves of surrogate pairs, which no UTF-8 can carry, one char for one char. */
  private static String wellFormed(String text) {
    StringBuilder fixed = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
        continue;
      }
      fixed = fixed == null ? new StringBuilder(text) : fixed;
      fixed.setCharAt(i, '\ufffd');
    }
    return fixed == null ? text : fixed.toString();
  }
}
