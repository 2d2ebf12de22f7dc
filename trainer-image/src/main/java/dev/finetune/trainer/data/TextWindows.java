package dev.finetune.trainer.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Lays texts end to end, each with the EOS that ends it, and cuts them into windows of one length.
 * The last window may be shorter. Which token is in which window depends on the texts and their
 * order alone. The first token of a window is not learned, since nothing stands before it.
 *
 * <p>A window's tokens attend to those before them in the window, those of other texts too; none
 * attends to another window.
 */
public final class TextWindows {
  private TextWindows() {}

  /**
   * Returns the windows in order.
   *
   * @param length tokens of a window, from 2
   * @param first number of the first window
   */
  public static List<Example> of(List<Example> texts, int length, int first) {
    if (length < 2) {
      throw new IllegalArgumentException("a window must have at least 2 tokens, was " + length);
    }
    List<Example> windows = new ArrayList<>();
    int[] ids = new int[length];
    int[] labels = new int[length];
    int filled = 0;
    for (Example text : texts) {
      int taken = 0;
      while (taken < text.inputIds().length) {
        int count = Math.min(length - filled, text.inputIds().length - taken);
        System.arraycopy(text.inputIds(), taken, ids, filled, count);
        System.arraycopy(text.labels(), taken, labels, filled, count);
        filled += count;
        taken += count;
        if (filled == length) {
          windows.add(new Example(first + windows.size(), ids.clone(), labels.clone()));
          filled = 0;
        }
      }
    }
    Example last =
        new Example(
            first + windows.size(), Arrays.copyOf(ids, filled), Arrays.copyOf(labels, filled));
    if (last.supervisedTokens() > 0) {
      windows.add(last);
    }
    return List.copyOf(windows);
  }
}
