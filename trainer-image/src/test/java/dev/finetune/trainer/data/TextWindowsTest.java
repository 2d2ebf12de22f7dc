package dev.finetune.trainer.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class TextWindowsTest {
  @Test
  void cutsTextsThatLieEndToEnd() {
    List<Example> windows = TextWindows.of(List.of(text(5), text(2), text(4)), 4, 0);
    assertThat(windows.stream().map(window -> Arrays.toString(window.inputIds())))
        .containsExactly("[500, 501, 502, 503]", "[504, 200, 201, 400]", "[401, 402, 403]");
    assertThat(windows.stream().map(Example::index)).containsExactly(0, 1, 2);
    assertThat(windows.get(1).labels())
        .containsExactly(504, Example.NOT_SUPERVISED, 201, Example.NOT_SUPERVISED);
  }

  @Test
  void leavesOutALastTokenThatNothingStandsBefore() {
    assertThat(TextWindows.of(List.of(text(5)), 4, 0)).hasSize(1);
  }

  @Property(tries = 100)
  void losesNoTokenAndKeepsTheirOrder(
      @ForAll @Size(max = 20) List<@IntRange(min = 1, max = 40) Integer> lengths,
      @ForAll @IntRange(min = 2, max = 33) int length) {
    List<Example> texts = lengths.stream().map(TextWindowsTest::text).toList();
    List<Integer> expected = new ArrayList<>();
    texts.forEach(text -> Arrays.stream(text.inputIds()).forEach(expected::add));
    List<Example> windows = TextWindows.of(texts, length, 0);
    List<Integer> found = new ArrayList<>();
    windows.forEach(window -> Arrays.stream(window.inputIds()).forEach(found::add));
    assertThat(expected.size() - found.size()).isBetween(0, 2);
    assertThat(found).isEqualTo(expected.subList(0, found.size()));
    assertThat(windows.stream().limit(Math.max(0, windows.size() - 1)))
        .allMatch(window -> window.inputIds().length == length);
  }

  /** A text whose first token is not learned, as BOS is not. */
  private static Example text(int length) {
    int[] ids = new int[length];
    for (int i = 0; i < length; i++) {
      ids[i] = 100 * length + i;
    }
    int[] labels = ids.clone();
    labels[0] = Example.NOT_SUPERVISED;
    return new Example(0, ids, labels);
  }
}
