package dev.finetune.trainer.data;

import java.util.List;

/** The examples of a file, in its order, and what reading them came to. */
public record ExampleSet(List<Example> examples, ReadReport report) {
  /** Keeps an unmodifiable copy of the list. */
  public ExampleSet {
    examples = List.copyOf(examples);
  }
}
