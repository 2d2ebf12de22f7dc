package dev.finetune.trainer.data;

import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a classifier is asked, in the tokens that it was trained on.
 *
 * @param ids token ids
 * @param places tokens that the head reads: the last one, or the first of each word
 * @param texts what is read there: the text, or the words
 */
public record Question(int[] ids, long[] places, List<String> texts) {
  /** Asks for the label of a text. */
  public static Question ofText(Tokenizer tokenizer, String text) {
    int[] ids = LabeledText.ids(tokenizer, text);
    return new Question(
        ids, ids.length == 0 ? new long[0] : new long[] {ids.length - 1}, List.of(text));
  }

  /** Asks for the labels of the words of a text, which are separated by spaces. */
  public static Question ofWords(Tokenizer tokenizer, String text) {
    String[] words = text.strip().split("\\s+");
    LabeledTokens.Words placed = LabeledTokens.Words.of(tokenizer, words);
    List<String> read = new ArrayList<>();
    int[] places =
        IntStream.range(0, placed.ids().length)
            .filter(
                i ->
                    placed.words()[i] >= 0
                        && (i == 0 || placed.words()[i - 1] != placed.words()[i]))
            .toArray();
    for (int place : places) {
      read.add(words[placed.words()[place]]);
    }
    return new Question(placed.ids(), Arrays.stream(places).asLongStream().toArray(), read);
  }

  /** Returns the question without what lies behind a number of tokens. */
  public Question truncated(int length) {
    if (ids.length <= length) {
      return this;
    }
    int[] cut = Arrays.copyOf(ids, length);
    if (places.length == 1 && places[0] == ids.length - 1) {
      return new Question(cut, new long[] {length - 1}, texts);
    }
    long[] kept = Arrays.stream(places).filter(place -> place < length).toArray();
    return new Question(cut, kept, texts.subList(0, kept.length));
  }
}
