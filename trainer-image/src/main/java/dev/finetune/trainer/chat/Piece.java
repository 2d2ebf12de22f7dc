package dev.finetune.trainer.chat;

import java.util.List;

/** A part of a template: text as it is, an expression to print, or a statement. */
sealed interface Piece {
  /** Text that is printed as it is. */
  record Text(String text) implements Piece {}

  /** What stands between double braces. */
  record Print(List<Lexeme> words, int line) implements Piece {}

  /** What stands between a brace and a percent sign. */
  record Statement(List<Lexeme> words, int line) implements Piece {}
}
