package dev.finetune.trainer.chat;

import dev.finetune.trainer.chat.Lexeme.Kind;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads an expression by Jinja's grammar and writes it as calls of {@link JinjaFunctions}.
 * jinjava's own operators turn a text into a number, and null into an empty text, where Jinja does
 * not; so none of them is ever used.
 *
 * @see <a href="https://jinja.palletsprojects.com/en/stable/templates/#expressions">Jinja,
 *     expressions</a>
 */
final class ExpressionParser {
  private static final int MOST_DEPTH = 150;
  private static final Map<String, String> COMPARISONS =
      Map.of(
          "==", "equal", "!=", "unequal", "<", "less", "<=", "atMost", ">", "greater", ">=",
          "atLeast");

  private final TemplateText place;
  private final TemplateConstants constants;
  private final Words words;
  private int nesting;

  ExpressionParser(TemplateText place, TemplateConstants constants, Words words) {
    this.place = place;
    this.constants = constants;
    this.words = words;
  }

  /** Reads an expression, which may have an {@code if}. */
  Emitted expression() {
    if (++nesting > MOST_DEPTH) {
      throw tooDeep();
    }
    Emitted value = disjunction();
    while (words.skipName("if")) {
      Emitted condition = disjunction();
      Emitted otherwise =
          words.skipName("else")
              ? expression()
              : new Emitted("jinja:constant(" + constants.undefined() + ")", 1, Emitted.OTHER);
      value = choice(call("truth", condition), value, otherwise);
    }
    nesting--;
    return value;
  }

  /** Reads an expression without an {@code if} at its end. */
  Emitted disjunction() {
    Emitted left = conjunction();
    while (words.skipName("or")) {
      int slot = constants.slot();
      left = choice(keep(slot, left), kept(slot), conjunction());
    }
    return left;
  }

  private Emitted conjunction() {
    Emitted left = negation();
    while (words.skipName("and")) {
      int slot = constants.slot();
      left = choice(keep(slot, left), negation(), kept(slot));
    }
    return left;
  }

  private Emitted negation() {
    if (words.skipName("not")) {
      deeper();
      Emitted value = call("unary", quoted("not"), negation());
      nesting--;
      return value;
    }
    return comparison();
  }

  private Emitted comparison() {
    Emitted left = sum();
    String operator = comparisonOperator();
    if (operator == null) {
      return left;
    }
    Emitted result = call("binary", quoted(operator), left, sum());
    int line = words.peek().line();
    if (comparisonOperator() != null) {
      throw place.unsupported(line, "a chain of comparisons");
    }
    return result;
  }

  private @Nullable String comparisonOperator() {
    Lexeme word = words.peek();
    if (word.kind() == Kind.OPERATOR && COMPARISONS.containsKey(word.text())) {
      return COMPARISONS.get(words.take().text());
    }
    if (words.skipName("in")) {
      return "in";
    }
    if (word.isName("not") && words.peek(1).isName("in")) {
      words.take();
      words.take();
      return "notIn";
    }
    return null;
  }

  private Emitted sum() {
    Emitted left = concatenation();
    while (true) {
      if (words.skipOperator("+")) {
        left = call("binary", quoted("add"), left, concatenation());
      } else if (words.skipOperator("-")) {
        left = call("binary", quoted("subtract"), left, concatenation());
      } else {
        return left;
      }
    }
  }

  private Emitted concatenation() {
    Emitted left = product();
    while (words.skipOperator("~")) {
      left = call("binary", quoted("join"), left, product());
    }
    return left;
  }

  private Emitted product() {
    Emitted left = power();
    while (true) {
      if (words.skipOperator("*")) {
        left = call("binary", quoted("multiply"), left, power());
      } else if (words.skipOperator("//")) {
        left = call("binary", quoted("floor"), left, power());
      } else if (words.skipOperator("/")) {
        left = call("binary", quoted("divide"), left, power());
      } else if (words.skipOperator("%")) {
        left = call("binary", quoted("modulo"), left, power());
      } else {
        return left;
      }
    }
  }

  private Emitted power() {
    Emitted left = signed(true);
    if (words.peek().isOperator("**")) {
      throw place.unsupported(words.peek().line(), "operator '**'");
    }
    return left;
  }

  private Emitted signed(boolean filters) {
    Emitted value;
    deeper();
    if (words.skipOperator("-")) {
      value = call("unary", quoted("minus"), signed(false));
    } else if (words.skipOperator("+")) {
      value = call("unary", quoted("plus"), signed(false));
    } else {
      value = primary();
    }
    nesting--;
    value = postfix(value);
    return filters ? filtered(value) : value;
  }

  private Emitted primary() {
    Lexeme word = words.peek();
    return switch (word.kind()) {
      case NAME -> name(words.take());
      case STRING -> strings();
      case INTEGER -> constant(integer(words.take()));
      case REAL -> constant(Double.valueOf(words.take().text()));
      case OPERATOR ->
          switch (word.text()) {
            case "(" -> parenthesis();
            case "[" -> list();
            case "{" -> dict();
            default -> throw words.unexpected("an expression");
          };
      case END -> throw words.unexpected("an expression");
    };
  }

  private Emitted name(Lexeme word) {
    return switch (word.text()) {
      case "true", "True" -> constant(true);
      case "false", "False" -> constant(false);
      case "none", "None" -> constant(None.NONE);
      case "and", "or", "not", "if", "else", "in", "is" ->
          throw place.broken(word.line(), "expected an expression, found " + word.describe());
      case "caller", "varargs", "kwargs", "self", "super", "cycler", "joiner", "lipsum" ->
          throw place.unsupported(word.line(), "name '" + word.text() + "'");
      default ->
          new Emitted(
              "jinja:name(" + constants.add(word.text()) + ")",
              1,
              new Emitted.Shape.Name(word.text()));
    };
  }

  private Emitted strings() {
    StringBuilder value = new StringBuilder();
    while (words.peek().kind() == Kind.STRING) {
      value.append(words.take().text());
    }
    return constant(value.toString());
  }

  private Long integer(Lexeme word) {
    BigInteger value = new BigInteger(word.text());
    if (word.text().length() > 18) {
      throw place.unsupported(word.line(), "an integer of more than 18 digits");
    }
    return value.longValueExact();
  }

  private Emitted parenthesis() {
    words.expectOperator("(");
    if (words.skipOperator(")")) {
      return call("tuple");
    }
    Emitted first = expression();
    if (!words.peek().isOperator(",")) {
      words.expectOperator(")");
      return new Emitted(first.text(), first.depth(), Emitted.OTHER);
    }
    List<Emitted> items = new ArrayList<>(List.of(first));
    while (words.skipOperator(",") && !words.peek().isOperator(")")) {
      items.add(expression());
    }
    words.expectOperator(")");
    return call("tuple", items.toArray(Emitted[]::new));
  }

  private Emitted list() {
    words.expectOperator("[");
    List<Emitted> items = new ArrayList<>();
    while (!words.peek().isOperator("]")) {
      items.add(expression());
      if (!words.skipOperator(",")) {
        break;
      }
    }
    words.expectOperator("]");
    return call("list", items.toArray(Emitted[]::new));
  }

  private Emitted dict() {
    words.expectOperator("{");
    List<Emitted> items = new ArrayList<>();
    while (!words.peek().isOperator("}")) {
      items.add(expression());
      words.expectOperator(":");
      items.add(expression());
      if (!words.skipOperator(",")) {
        break;
      }
    }
    words.expectOperator("}");
    return call("dict", items.toArray(Emitted[]::new));
  }

  private Emitted postfix(Emitted of) {
    Emitted value = of;
    while (true) {
      if (words.skipOperator(".")) {
        value =
            words.peek().kind() == Kind.INTEGER
                ? call("item", value, constant(integer(words.take())))
                : attribute(value, words.expectName());
      } else if (words.skipOperator("[")) {
        value = subscript(value);
      } else if (words.peek().isOperator("(")) {
        value = called(value);
      } else {
        return value;
      }
    }
  }

  private Emitted attribute(Emitted of, String name) {
    Emitted value = call("attribute", of, constantIndex(name));
    return new Emitted(value.text(), value.depth(), new Emitted.Shape.Attribute(of, name));
  }

  private Emitted subscript(Emitted of) {
    Emitted start = sliceEnd();
    if (!words.skipOperator(":")) {
      if (words.peek().isOperator(",")) {
        throw place.unsupported(words.peek().line(), "a subscript of several parts");
      }
      words.expectOperator("]");
      return call("item", of, start);
    }
    Emitted stop = sliceEnd();
    Emitted step = words.skipOperator(":") ? sliceEnd() : constant(None.NONE);
    words.expectOperator("]");
    return call("slice", of, start, stop, step);
  }

  private Emitted sliceEnd() {
    return words.peek().isOperator(":") || words.peek().isOperator("]")
        ? constant(None.NONE)
        : expression();
  }

  private Emitted called(Emitted target) {
    int line = words.peek().line();
    List<Emitted> arguments = arguments();
    switch (target.shape()) {
      case Emitted.Shape.Name(String name) -> {
        arguments.addFirst(constantIndex(name));
        return call("call", arguments.toArray(Emitted[]::new));
      }
      case Emitted.Shape.Attribute(Emitted of, String name) -> {
        arguments.addFirst(constantIndex(name));
        arguments.addFirst(of);
        return call("method", arguments.toArray(Emitted[]::new));
      }
      case Emitted.Shape.Other() ->
          throw place.unsupported(line, "a call of something without a name");
    }
  }

  private List<Emitted> arguments() {
    List<Emitted> arguments = new ArrayList<>();
    words.expectOperator("(");
    while (!words.peek().isOperator(")")) {
      if (words.peek().isOperator("*") || words.peek().isOperator("**")) {
        throw place.unsupported(words.peek().line(), "an argument that is unpacked");
      }
      if (words.peek().kind() == Kind.NAME && words.peek(1).isOperator("=")) {
        String name = words.take().text();
        words.take();
        arguments.add(call("named", constantIndex(name), expression()));
      } else {
        arguments.add(expression());
      }
      if (!words.skipOperator(",")) {
        break;
      }
    }
    words.expectOperator(")");
    return arguments;
  }

  /** Reads filters and tests, which bind closer than operators. */
  private Emitted filtered(Emitted of) {
    Emitted value = of;
    while (true) {
      if (words.skipOperator("|")) {
        value = filter(value);
      } else if (words.skipName("is")) {
        value = test(value);
      } else if (words.peek().isOperator("(")) {
        value = called(value);
      } else {
        return value;
      }
    }
  }

  /** Reads the name and the arguments of a filter, which may also stand in a statement. */
  Emitted filter(Emitted of) {
    int line = words.peek().line();
    String name = words.expectName();
    if (!Filters.NAMES.contains(name)) {
      throw place.unsupported(line, "filter '" + name + "'");
    }
    List<Emitted> arguments = words.peek().isOperator("(") ? arguments() : new ArrayList<>();
    arguments.addFirst(of);
    arguments.addFirst(quoted(name));
    return call("filter", arguments.toArray(Emitted[]::new));
  }

  private Emitted test(Emitted of) {
    boolean negated = words.skipName("not");
    int line = words.peek().line();
    String name = words.peek().kind() == Kind.OPERATOR ? "" : words.expectName();
    if (!Tests.NAMES.contains(name)) {
      throw place.unsupported(line, "test '" + name + "'");
    }
    List<Emitted> arguments = new ArrayList<>();
    if (words.peek().isOperator("(")) {
      arguments = arguments();
    } else if (startsArgument(words.peek())) {
      arguments.add(postfix(primary()));
    }
    arguments.addFirst(of);
    arguments.addFirst(quoted(name));
    Emitted result = call("test", arguments.toArray(Emitted[]::new));
    return negated ? call("unary", quoted("not"), result) : result;
  }

  private static boolean startsArgument(Lexeme word) {
    return switch (word.kind()) {
      case STRING, INTEGER, REAL -> true;
      case NAME ->
          !word.isName("else")
              && !word.isName("or")
              && !word.isName("and")
              && !word.isName("is")
              && !word.isName("if")
              && !word.isName("in")
              && !word.isName("not");
      case OPERATOR -> word.isOperator("[") || word.isOperator("{");
      case END -> false;
    };
  }

  private Emitted constant(Object value) {
    return new Emitted("jinja:constant(" + constants.add(value) + ")", 1, Emitted.OTHER);
  }

  private Emitted constantIndex(String name) {
    return new Emitted(String.valueOf(constants.add(name)), 0, Emitted.OTHER);
  }

  private static Emitted quoted(String word) {
    return new Emitted("'" + word + "'", 0, Emitted.OTHER);
  }

  private Emitted keep(int slot, Emitted value) {
    return call("keep", new Emitted(String.valueOf(slot), 0, Emitted.OTHER), value);
  }

  private static Emitted kept(int slot) {
    return new Emitted("jinja:kept(" + slot + ")", 1, Emitted.OTHER);
  }

  private Emitted choice(Emitted condition, Emitted value, Emitted otherwise) {
    int depth = Math.max(condition.depth(), Math.max(value.depth(), otherwise.depth())) + 1;
    return checked(
        "(%s if %s else %s)".formatted(value.text(), condition.text(), otherwise.text()), depth);
  }

  /** Returns a call of a function. */
  Emitted call(String function, Emitted... arguments) {
    StringBuilder text = new StringBuilder("jinja:").append(function).append('(');
    int depth = 0;
    for (int i = 0; i < arguments.length; i++) {
      text.append(i == 0 ? "" : ",").append(arguments[i].text());
      depth = Math.max(depth, arguments[i].depth());
    }
    return checked(text.append(')').toString(), depth + 1);
  }

  private Emitted checked(String text, int depth) {
    if (depth > MOST_DEPTH || constants.grow(text.length()) > TemplateConstants.MOST_EMITTED) {
      throw tooDeep();
    }
    return new Emitted(text, depth, Emitted.OTHER);
  }

  private void deeper() {
    if (++nesting > MOST_DEPTH) {
      throw tooDeep();
    }
  }

  private RuntimeException tooDeep() {
    return place.unsupported(
        words.peek().line(), "an expression of more than " + MOST_DEPTH + " levels");
  }
}
