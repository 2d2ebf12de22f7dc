package dev.finetune.trainer.chat;

/**
 * An expression as jinjava evaluates it: calls of the functions of {@link JinjaFunctions}.
 *
 * @param depth greatest number of calls within one another
 * @param shape whether it can be called, and as what
 */
record Emitted(String text, int depth, Shape shape) {
  /** What a call of an expression would call. */
  sealed interface Shape {
    /** A variable. */
    record Name(String name) implements Shape {}

    /** An attribute of something. */
    record Attribute(Emitted of, String name) implements Shape {}

    /** Nothing that has a name. */
    record Other() implements Shape {}
  }

  static final Shape OTHER = new Shape.Other();
}
