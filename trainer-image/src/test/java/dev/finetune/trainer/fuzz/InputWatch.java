package dev.finetune.trainer.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.finetune.api.spec.InvalidJobException;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Runs a target on inputs and watches it: how it fails and in what words, how long it takes, what
 * it allocates, and that it touches nothing beside its folder.
 */
final class InputWatch {
  /** Longest message, in characters. A job's lists what is wrong, one a line. */
  private static final int LONGEST_MESSAGE = 2_000;

  private static final int LONGEST_LIST = 20_000;

  /** Bytes that any input may cost, and bytes for each byte of it. */
  private static final long ALLOCATED = 48L << 20;

  private static final long ALLOCATED_PER_BYTE = 400;
  private static final Duration LONGEST = Duration.ofSeconds(3);

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final FuzzTarget target;
  private final Path root;
  private final Path folder;
  private final TreeSet<String> behaviours = new TreeSet<>();
  private long inputs;

  /**
   * Makes one.
   *
   * @param root empty folder; the target's own is within it
   */
  InputWatch(FuzzTarget target, Path root) {
    this.target = target;
    this.root = root;
    this.folder = root.resolve("work");
  }

  /** Returns how many inputs were read. */
  long inputs() {
    return inputs;
  }

  /** Returns how many kinds of outcome were seen: success, and each wording of a failure. */
  int behaviours() {
    return behaviours.size();
  }

  /** Reads an input; fails if the target does anything but read it or refuse it in words. */
  void check(byte[] input) {
    try {
      Files.createDirectory(folder);
      long allocated = THREADS.getCurrentThreadAllocatedBytes();
      long start = THREADS.getCurrentThreadCpuTime();
      behaviours.add(outcome(input));
      Duration time = Duration.ofNanos(THREADS.getCurrentThreadCpuTime() - start);
      assertThat(time).as("processor time").isLessThan(LONGEST);
      assertThat(THREADS.getCurrentThreadAllocatedBytes() - allocated)
          .as("allocated bytes")
          .isLessThan(ALLOCATED + ALLOCATED_PER_BYTE * input.length);
      clean();
      inputs++;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads an input that is valid; fails if it is refused. */
  void checkRead(byte[] input) throws IOException {
    Files.createDirectory(folder);
    target.reader().read(input, folder);
    clean();
  }

  private String outcome(byte[] input) throws IOException {
    try {
      target.reader().read(input, folder);
      return "read";
    } catch (UnreadableData | UnsupportedModel | InvalidConfiguration e) {
      requireForAPerson(e, LONGEST_MESSAGE, false);
      return skeleton(e);
    } catch (InvalidJobException e) {
      requireForAPerson(e, LONGEST_LIST, true);
      return skeleton(e);
    } catch (TrainingFailure e) {
      throw new AssertionError("a broken input is no failure of this kind", e);
    }
  }

  private void requireForAPerson(RuntimeException e, int longest, boolean lines) {
    String message = e.getMessage();
    assertThat(message).as("message").isNotBlank().hasSizeLessThanOrEqualTo(longest);
    assertThat(message.codePoints().filter(c -> !isPrintable(c, lines)).toArray())
        .as("characters of %s", message)
        .isEmpty();
    if (!target.places().isEmpty()) {
      assertThat(message).containsAnyOf(target.places().toArray(new CharSequence[0]));
    }
  }

  private static boolean isPrintable(int c, boolean lines) {
    return switch (Character.getType(c)) {
      case Character.CONTROL -> lines && c == '\n';
      case Character.SURROGATE,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }

  /** The words of a failure without what they quote. */
  private static String skeleton(RuntimeException e) {
    String first = e.getMessage().lines().findFirst().orElse("");
    return first
        .replaceAll("'.*'|\\[.*\\]|, was .*", "_")
        .replaceAll("[0-9.eE+-]+", "0")
        .replaceAll("[^A-Za-z0 :_]", "");
  }

  private void clean() throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      List<Path> deepestFirst = paths.sorted(Comparator.reverseOrder()).toList();
      for (Path path : deepestFirst) {
        Files.delete(path);
      }
    }
    try (Stream<Path> rest = Files.list(root)) {
      assertThat(rest).as("files beside the folder").isEmpty();
    }
  }
}
