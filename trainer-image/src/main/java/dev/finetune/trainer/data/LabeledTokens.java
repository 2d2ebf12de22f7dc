package dev.finetune.trainer.data;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.LabeledSubwords;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.rows.Row;
import dev.finetune.trainer.tokenizer.EncodedText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.Arrays;

/**
 * Rows of {@code tokens}, which are words, and {@code labels}, or {@code ner_tags}, one for each: a
 * name, an index, or -100 for a word that is not learned.
 *
 * <p>The words are one text with spaces between them. A token belongs to the word that it lies in;
 * of one that lies in several, to the first.
 *
 * @param tokenizer the base model's; stays the caller's
 */
record LabeledTokens(Tokenizer tokenizer, Labeling labeling) implements RowFormat {
  private static final String[] LABELS = {"labels", "ner_tags"};

  @Override
  public Example example(int index, Row row) {
    String[] words = words(row);
    int[] labels = labels(row, words.length);
    Words placed = Words.of(tokenizer, words);
    int[] ofTokens = new int[placed.ids().length];
    Arrays.fill(ofTokens, Example.NOT_SUPERVISED);
    for (int i = 0; i < ofTokens.length; i++) {
      int word = placed.words()[i];
      boolean first = i == 0 || placed.words()[i - 1] != word;
      if (word >= 0 && (first || labeling.subwords() == LabeledSubwords.ALL)) {
        ofTokens[i] = labels[word];
      }
    }
    return new Example(index, placed.ids(), new Target.OfTokens(ofTokens, placed.words()));
  }

  private static String[] words(Row row) {
    JsonNode list = row.object().path("tokens");
    if (!list.isArray()) {
      throw row.broken("field 'tokens' must be a list of words, was " + JsonFields.describe(list));
    }
    String[] words = new String[list.size()];
    for (int i = 0; i < words.length; i++) {
      JsonNode word = list.get(i);
      if (!word.isTextual() || word.textValue().isBlank()) {
        throw row.broken(
            "field 'tokens'[%d] must be a word, was %s".formatted(i, JsonFields.describe(word)));
      }
      words[i] = word.textValue();
    }
    return words;
  }

  private int[] labels(Row row, int words) {
    String field = row.object().has(LABELS[0]) ? LABELS[0] : LABELS[1];
    JsonNode list = row.object().path(field);
    if (!list.isArray()) {
      throw row.broken("field 'labels' must be a list of labels, was " + JsonFields.describe(list));
    }
    if (list.size() != words) {
      throw row.broken(
          "expected as many %s as tokens, %d, found %d".formatted(field, words, list.size()));
    }
    int[] labels = new int[words];
    for (int i = 0; i < words; i++) {
      String name = LabeledText.name(row, field, list.get(i));
      labels[i] =
          name.equals(String.valueOf(Example.NOT_SUPERVISED))
              ? Example.NOT_SUPERVISED
              : labeling.names().index(row, field, name);
    }
    return labels;
  }

  /**
   * Words as tokens.
   *
   * @param ids token ids
   * @param words word that each token is of, -1 for none
   */
  record Words(int[] ids, int[] words) {
    static Words of(Tokenizer tokenizer, String[] words) {
      EncodedText encoded = tokenizer.encodeWithOffsets(String.join(" ", words));
      int bos = tokenizer.addsBos() ? 1 : 0;
      int length = encoded.ids().length;
      int[] ids = new int[bos + length];
      int[] places = new int[bos + length];
      if (bos == 1) {
        ids[0] = tokenizer.bosId().orElseThrow();
        places[0] = -1;
      }
      System.arraycopy(encoded.ids(), 0, ids, bos, length);
      int[] ends = ends(words);
      int word = 0;
      for (int i = 0; i < length; i++) {
        while (word < ends.length && ends[word] <= encoded.starts()[i]) {
          word++;
        }
        boolean within =
            word < ends.length && encoded.ends()[i] > ends[word] - words[word].length();
        places[bos + i] = within ? word : -1;
      }
      return new Words(ids, places);
    }

    /** Returns the place after each word's last char. */
    private static int[] ends(String[] words) {
      int[] ends = new int[words.length];
      int at = 0;
      for (int i = 0; i < words.length; i++) {
        at += words[i].length();
        ends[i] = at;
        at++;
      }
      return ends;
    }
  }
}
