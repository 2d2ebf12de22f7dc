package dev.finetune.trainer.chat;

/**
 * A word of an expression.
 *
 * @param text the characters; of a string what it stands for, without quotes and escapes
 * @param line line of the template, from 1
 */
record Lexeme(Kind kind, String text, int line) {
  /** What a lexeme is. */
  enum Kind {
    NAME,
    STRING,
    INTEGER,
    REAL,
    OPERATOR,
    END
  }

  boolean isName(String name) {
    return kind == Kind.NAME && text.equals(name);
  }

  boolean isOperator(String operator) {
    return kind == Kind.OPERATOR && text.equals(operator);
  }

  /** Says what it is, for a message. */
  String describe() {
    return kind == Kind.END ? "the end" : "'" + text + "'";
  }
}
