package dev.finetune.trainer.lora;

/**
 * One trained tensor, as a part of the flat tensors of an adapter.
 *
 * @param name PEFT's name without the prefix, such as {@code
 *     model.layers.0.self_attn.q_proj.lora_A.weight}
 * @param kind what it is
 * @param start place of its first element in the flat tensors
 * @param rows size of its first dimension
 * @param columns size of its second dimension, 1 for a vector
 */
public record ParameterSection(String name, Kind kind, long start, long rows, long columns) {
  /** What a trained tensor is. */
  public enum Kind {
    /** A of a low-rank update (rank, in). */
    A,
    /** B of a low-rank update (out, rank). */
    B,
    /** Magnitude of a decomposed update, a vector (out). */
    MAGNITUDE,
    /** A of the low-rank update of an embedding (rank, vocabulary). */
    EMBEDDING_A,
    /** B of the low-rank update of an embedding (hidden, rank). */
    EMBEDDING_B,
    /** The weight of a module that is trained whole, a matrix or the vector of a norm. */
    WHOLE,
    /** The bias of a module that is trained whole, a vector. */
    BIAS
  }

  /** Returns the shape in PEFT's files. */
  public long[] shape() {
    return switch (kind) {
      case A, B, EMBEDDING_A, EMBEDDING_B -> new long[] {rows, columns};
      case MAGNITUDE, BIAS -> new long[] {rows};
      case WHOLE -> columns == 1 ? new long[] {rows} : new long[] {rows, columns};
    };
  }

  /** Returns the number of elements. */
  public long elements() {
    return rows * columns;
  }
}
