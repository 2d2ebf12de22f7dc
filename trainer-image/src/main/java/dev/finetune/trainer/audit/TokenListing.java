package dev.finetune.trainer.audit;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.Target;
import dev.finetune.trainer.failure.MessageText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A row token by token: place, id, whether it is learned, and its text.
 *
 * @param tokenizer stays the caller's
 */
public record TokenListing(Tokenizer tokenizer) {
  private static final String REPLACEMENT = "\ufffd";

  /**
   * Returns a line for the row and one for each of its tokens; learned ones have a star.
   *
   * @param labels names of the labels of a head, one for each starred token of words
   */
  public List<String> lines(Example example, List<String> labels) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "Row %d: %d tokens, %d learned (*)"
                .formatted(example.index(), example.inputIds().length, example.supervisedTokens())
            + of(example.target(), labels));
    Iterator<String> ofTokens = labels.iterator();
    for (int i = 0; i < example.inputIds().length; i++) {
      boolean learned = example.learns(i);
      lines.add(
          String.format(
                  Locale.ROOT,
                  "%6d %7d %s %s",
                  i,
                  example.inputIds()[i],
                  learned ? "*" : " ",
                  text(example.inputIds(), i) + (learned ? answer(example, i, ofTokens) : ""))
              .stripTrailing());
    }
    return lines;
  }

  private static String of(@Nullable Target target, List<String> labels) {
    return switch (target) {
      case null -> "";
      case Target.OfText(float[] values) ->
          labels.isEmpty() && values.length == 1
              ? ", value " + values[0]
              : MessageText.oneLine(", labels " + String.join(", ", labels));
      case Target.OfTokens _ -> "";
    };
  }

  /** A row of token ids may learn another token than the one that is there. */
  private String answer(Example example, int place, Iterator<String> ofTokens) {
    return switch (example.target()) {
      case null -> {
        int label = example.labels()[place];
        yield label == example.inputIds()[place]
            ? ""
            : "  learns " + label + " " + text(new int[] {label}, 0);
      }
      case Target.OfText _ -> "";
      case Target.OfTokens _ ->
          ofTokens.hasNext() ? "  " + MessageText.oneLine(ofTokens.next()) : "";
    };
  }

  private String text(int[] ids, int place) {
    int id = ids[place];
    if (id >= tokenizer.vocabularySize()) {
      return "(not of the tokenizer)";
    }
    String alone = tokenizer.decode(new int[] {id}, false);
    if (!alone.isEmpty() && tokenizer.decode(new int[] {id}, true).isEmpty()) {
      return MessageText.oneLine(alone) + "  (special)";
    }
    return quoted(alone.contains(REPLACEMENT) ? alone : after(ids, place, alone));
  }

  /** Some tokenizers leave out the space before a token that nothing precedes. */
  private String after(int[] ids, int place, String alone) {
    if (place == 0 || ids[place - 1] >= tokenizer.vocabularySize()) {
      return alone;
    }
    String before = tokenizer.decode(new int[] {ids[place - 1]}, false);
    String both = tokenizer.decode(Arrays.copyOfRange(ids, place - 1, place + 1), false);
    return both.startsWith(before) && both.endsWith(alone)
        ? both.substring(before.length())
        : alone;
  }

  private static String quoted(String text) {
    String escaped =
        text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t");
    return "'" + MessageText.oneLine(escaped) + "'";
  }
}
