package dev.finetune.trainer.generate;

import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/**
 * Turns tokens into text as they come. The bytes of a character may be in more than one token: what
 * is no whole character yet is held back. A token is decoded with those of the piece before it,
 * since some tokenizers drop the space that a text begins with.
 */
public final class StreamedText implements IntConsumer {
  private static final char INCOMPLETE = '\ufffd';

  /** Tokens after which even bytes that are no character are passed on. */
  private static final int MOST_HELD = 16;

  private final Tokenizer tokenizer;
  private final Consumer<String> out;
  private int[] ids = new int[64];
  private int count;
  private int previous;
  private int written;

  /**
   * Makes one.
   *
   * @param out takes the pieces of the text in order
   */
  public StreamedText(Tokenizer tokenizer, Consumer<String> out) {
    this.tokenizer = tokenizer;
    this.out = out;
  }

  @Override
  public void accept(int id) {
    if (count == ids.length) {
      ids = Arrays.copyOf(ids, 2 * count);
    }
    ids[count++] = id;
    String known = text(previous, written);
    String all = text(previous, count);
    boolean whole = all.isEmpty() || all.charAt(all.length() - 1) != INCOMPLETE;
    if (all.length() > known.length() && (whole || count - written > MOST_HELD)) {
      pass(known, all);
    }
  }

  /** Passes on what was held back. */
  public void end() {
    pass(text(previous, written), text(previous, count));
  }

  private void pass(String known, String all) {
    if (all.length() > known.length()) {
      out.accept(all.substring(known.length()));
    }
    previous = written;
    written = count;
  }

  private String text(int start, int end) {
    return tokenizer.decode(Arrays.copyOfRange(ids, start, end), true);
  }
}
