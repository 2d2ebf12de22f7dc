package dev.finetune.bench;

import dev.finetune.trainer.engine.ElementType;
import java.util.ArrayList;
import java.util.List;

/**
 * One cell of the benchmark: a method, a precision and a shape of micro-batches.
 *
 * @param method plain LoRA, or QLoRA with NF4 and double quantization
 * @param precision type of base weights and products
 * @param batch what a step trains on
 */
record Configuration(Method method, ElementType precision, Batch batch) {
  /** How the base weights are kept. */
  enum Method {
    LORA("lora"),
    QLORA("qlora");

    private final String text;

    Method(String text) {
      this.text = text;
    }
  }

  /** What an optimizer step, which is one micro-batch, trains on. */
  enum Batch {
    /** Four rows, each at its own length. */
    NATURAL("4-rows", 4, true),
    /** One sequence of {@link #SEQUENCE} tokens. */
    ONE("1x512", 1, false),
    /** Four sequences of {@link #SEQUENCE} tokens. */
    FOUR("4x512", 4, false);

    /** Tokens of a sequence, or most tokens of a row. */
    static final int SEQUENCE = 512;

    private final String text;
    private final int sequences;
    private final boolean natural;

    Batch(String text, int sequences, boolean natural) {
      this.text = text;
      this.sequences = sequences;
      this.natural = natural;
    }

    /** Returns the sequences of a step. */
    int sequences() {
      return sequences;
    }

    /** Returns whether each row keeps its own length. */
    boolean natural() {
      return natural;
    }
  }

  /** Returns all configurations, in the order in which they are measured. */
  static List<Configuration> all() {
    List<Configuration> all = new ArrayList<>();
    for (Batch batch : Batch.values()) {
      all.add(new Configuration(Method.LORA, ElementType.F32, batch));
      all.add(new Configuration(Method.LORA, ElementType.BF16, batch));
      all.add(new Configuration(Method.QLORA, ElementType.BF16, batch));
    }
    return List.copyOf(all);
  }

  /**
   * Returns the configuration of a name.
   *
   * @throws IllegalArgumentException if there is none, naming those that there are
   */
  static Configuration of(String name) {
    return all().stream()
        .filter(configuration -> configuration.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "expected one of %s, was %s"
                        .formatted(
                            String.join(", ", all().stream().map(Configuration::name).toList()),
                            name)));
  }

  /** Returns the name, such as {@code qlora-bf16-1x512}. */
  String name() {
    String type = precision == ElementType.F32 ? "fp32" : "bf16";
    return method.text + "-" + type + "-" + batch.text;
  }
}
