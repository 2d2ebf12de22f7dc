package dev.finetune.trainer.chaos;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What a test survived, for the table that {@code make chaos} prints: lines of what, detail and
 * count, with tabs between, in the file that the system property {@code chaos.tally} names.
 */
public final class Tally {
  private static final String FILE = System.getProperty("chaos.tally", "");

  private Tally() {}

  /**
   * Adds to a row of the table.
   *
   * @param what such as {@code kills survived}
   * @param detail such as {@code SIGKILL, in a step}
   */
  public static synchronized void add(String what, String detail, long count) {
    if (FILE.isEmpty()) {
      return;
    }
    try {
      Files.writeString(
          Path.of(FILE),
          what + "\t" + detail + "\t" + count + "\n",
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new IllegalStateException("chaos.tally: cannot write " + FILE, e);
    }
  }
}
