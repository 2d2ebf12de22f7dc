package dev.finetune.trainer.recipe;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.Locale;

/** Where a command is asked to compute. */
enum DeviceChoice {
  /** A GPU if there is one, else the processors. */
  AUTO,
  /** The machine's processors. */
  CPU,
  /** A GPU, which has to be there. */
  CUDA;

  /**
   * Reads a choice.
   *
   * @param where option or variable that it comes from
   */
  static DeviceChoice parse(String where, String text) {
    for (DeviceChoice choice : values()) {
      if (choice.name().toLowerCase(Locale.ROOT).equals(text)) {
        return choice;
      }
    }
    throw new InvalidConfiguration(where + ": must be auto, cpu or cuda, was " + text);
  }
}
