package dev.finetune.trainer.chat;

import dev.finetune.trainer.chat.Lexeme.Kind;
import java.util.List;

/** The words of one expression or statement, read from first to last. */
final class Words {
  private final TemplateText place;
  private final List<Lexeme> words;
  private final Lexeme end;
  private int next;

  /**
   * Makes one.
   *
   * @param line where the words begin, for messages
   */
  Words(TemplateText place, List<Lexeme> words, int line) {
    this.place = place;
    this.words = words;
    this.end = new Lexeme(Kind.END, "", words.isEmpty() ? line : words.getLast().line());
  }

  /** Returns the next word without taking it. */
  Lexeme peek() {
    return peek(0);
  }

  /** Returns a later word without taking any. */
  Lexeme peek(int ahead) {
    return next + ahead < words.size() ? words.get(next + ahead) : end;
  }

  /** Takes the next word. */
  Lexeme take() {
    Lexeme word = peek();
    next++;
    return word;
  }

  /** Takes the next word if it is this operator. */
  boolean skipOperator(String operator) {
    boolean found = peek().isOperator(operator);
    next += found ? 1 : 0;
    return found;
  }

  /** Takes the next word if it is this name. */
  boolean skipName(String name) {
    boolean found = peek().isName(name);
    next += found ? 1 : 0;
    return found;
  }

  /** Takes an operator that must be next. */
  void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  /** Takes a word that must be a name. */
  String expectName() {
    if (peek().kind() != Kind.NAME) {
      throw unexpected("a name");
    }
    return take().text();
  }

  /** Checks that there is no word left. */
  void expectEnd() {
    if (peek().kind() != Kind.END) {
      throw unexpected("the end");
    }
  }

  /** Returns the failure for another word than the next one. */
  RuntimeException unexpected(String expected) {
    return place.broken(
        peek().line(), "expected %s, found %s".formatted(expected, peek().describe()));
  }
}
