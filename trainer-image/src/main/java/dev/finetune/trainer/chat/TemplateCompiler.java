package dev.finetune.trainer.chat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/**
 * Writes a template of Jinja as one of jinjava that does the same: texts and names become numbers,
 * expressions become calls of {@link JinjaFunctions}, and statements that jinjava has otherwise
 * become {@link StatementTag}s. What cannot be written so is refused with its name and line.
 */
final class TemplateCompiler {
  private static final int MOST_DEPTH = 40;
  private static final int MOST_PIECES = 20_000;
  private static final Set<String> RESERVED =
      Set.of("caller", "varargs", "kwargs", "self", "super");

  private final TemplateText place;
  private final TemplateConstants constants = new TemplateConstants();
  private final StringBuilder source = new StringBuilder();
  private final Deque<Frame> open = new ArrayDeque<>();
  private boolean marksGenerated;

  /** A statement that has not ended. */
  private static final class Frame {
    private final String name;
    private final int line;
    private final String closing;
    private boolean hasElse;

    Frame(String name, int line, String closing) {
      this.name = name;
      this.line = line;
      this.closing = closing;
    }
  }

  private TemplateCompiler(TemplateText place) {
    this.place = place;
  }

  /** Writes a template. */
  static CompiledTemplate compile(TemplateText place, String template) {
    TemplateCompiler compiler = new TemplateCompiler(place);
    List<Piece> pieces = TemplateScanner.scan(place, template);
    if (pieces.size() > MOST_PIECES) {
      throw place.unsupported(1, "a template of more than " + MOST_PIECES + " parts");
    }
    pieces.forEach(compiler::write);
    Frame open = compiler.open.peek();
    if (open != null) {
      throw place.broken(
          open.line,
          "statement '%s' must end with 'end%s', does not".formatted(open.name, open.name));
    }
    TemplateConstants constants = compiler.constants;
    return new CompiledTemplate(
        compiler.source.toString(), constants.values(), constants.slots(), compiler.marksGenerated);
  }

  private void write(Piece piece) {
    switch (piece) {
      case Piece.Text(String text) ->
          source.append("{{jinja:text(").append(constants.add(text)).append(")}}");
      case Piece.Print(List<Lexeme> words, int line) -> {
        Words rest = new Words(place, words, line);
        String value = whole(rest);
        source.append("{{jinja:print(jinja:at(").append(line).append("),");
        source.append(value).append(")}}");
      }
      case Piece.Statement(List<Lexeme> words, int line) ->
          statement(new Words(place, words, line), line);
    }
  }

  private void statement(Words words, int line) {
    String name = words.expectName();
    switch (name) {
      case "if" -> {
        begin("if", line, "endif");
        tag("if", condition(words, line));
      }
      case "elif" -> {
        requireOpen("elif", line, "if", false);
        tag("elif", condition(words, line));
      }
      case "else" -> {
        words.expectEnd();
        Frame frame = requireOpen("else", line, "if", true);
        frame.hasElse = true;
        tag("else", "");
      }
      case "for" -> loop(words, line);
      case "set" -> assignment(words, line);
      case "macro" -> macro(words, line);
      case "generation" -> {
        words.expectEnd();
        if (isWithin("set") || isWithin("macro") || isWithin("generation")) {
          throw place.unsupported(line, "'generation' within 'set', 'macro' or itself");
        }
        begin("generation", line, "endgenerated");
        marksGenerated = true;
        tag("generated", "");
      }
      case "break", "continue" -> {
        words.expectEnd();
        requireLoop(name, line);
        refer("leave", new Statement.Leave(line, name.equals("break")));
      }
      case "endif", "endfor", "endset", "endmacro", "endgeneration" -> end(name, words, line);
      default -> throw place.unsupported(line, "statement '" + name + "'");
    }
  }

  private String condition(Words words, int line) {
    return "jinja:condition(jinja:at(" + line + ")," + whole(words) + ")";
  }

  private void loop(Words words, int line) {
    List<String> targets = targets(words, line);
    if (!words.skipName("in")) {
      throw words.unexpected("'in'");
    }
    ExpressionParser parser = new ExpressionParser(place, constants, words);
    String items = parser.disjunction().text();
    if (words.peek().isOperator(",")) {
      throw place.unsupported(line, "a tuple without parentheses");
    }
    String condition = words.skipName("if") ? parser.expression().text() : null;
    if (words.peek().isName("recursive")) {
      throw place.unsupported(line, "a recursive loop");
    }
    words.expectEnd();
    begin("for", line, "endloop");
    refer("loop", new Statement.Loop(line, targets, items, condition));
  }

  private List<String> targets(Words words, int line) {
    boolean parenthesis = words.skipOperator("(");
    List<String> targets = new ArrayList<>();
    do {
      targets.add(target(words, line));
    } while (words.skipOperator(",") && !words.peek().isName("in"));
    if (parenthesis) {
      words.expectOperator(")");
    }
    return List.copyOf(targets);
  }

  private String target(Words words, int line) {
    String name = words.expectName();
    switch (name) {
      case "true",
          "false",
          "none",
          "True",
          "False",
          "None",
          "and",
          "or",
          "not",
          "in",
          "is",
          "if",
          "else" ->
          throw place.broken(line, "'" + name + "' cannot be given a value");
      default -> {
        if (RESERVED.contains(name) || name.equals("loop")) {
          throw place.unsupported(line, "giving '" + name + "' a value");
        }
        return name;
      }
    }
  }

  private void assignment(Words words, int line) {
    if (words.peek(1).isOperator(".")) {
      String namespace = target(words, line);
      words.take();
      String name = words.expectName();
      words.expectOperator("=");
      refer("assign", new Statement.AssignWithin(line, namespace, name, whole(words)));
      return;
    }
    List<String> targets = targets(words, line);
    if (words.skipOperator("=")) {
      refer("assign", new Statement.Assign(line, targets, value(words, targets.size(), line)));
      return;
    }
    if (targets.size() > 1) {
      throw words.unexpected("'='");
    }
    String filter = null;
    if (words.peek().isOperator("|")) {
      ExpressionParser parser = new ExpressionParser(place, constants, words);
      Emitted value =
          parser.call(
              "name",
              new Emitted(
                  String.valueOf(constants.add(Statement.Capture.CAPTURED)), 0, Emitted.OTHER));
      while (words.skipOperator("|")) {
        value = parser.filter(value);
      }
      filter = value.text();
    }
    words.expectEnd();
    begin("set", line, "endcapture");
    refer("capture", new Statement.Capture(line, targets.getFirst(), filter));
  }

  /** Reads one value, or as many as there are targets. */
  private String value(Words words, int targets, int line) {
    ExpressionParser parser = new ExpressionParser(place, constants, words);
    Emitted first = parser.expression();
    List<Emitted> values = new ArrayList<>(List.of(first));
    while (targets > 1 && words.skipOperator(",")) {
      values.add(parser.expression());
    }
    if (words.peek().isOperator(",")) {
      throw place.unsupported(line, "a tuple without parentheses");
    }
    words.expectEnd();
    return values.size() == 1
        ? first.text()
        : parser.call("tuple", values.toArray(Emitted[]::new)).text();
  }

  private void macro(Words words, int line) {
    if (isWithin("macro")) {
      throw place.unsupported(line, "a macro within a macro");
    }
    String name = target(words, line);
    List<String> parameters = new ArrayList<>();
    List<String> defaults = new ArrayList<>();
    words.expectOperator("(");
    while (!words.peek().isOperator(")")) {
      parameters.add(target(words, line));
      if (words.skipOperator("=")) {
        defaults.add(new ExpressionParser(place, constants, words).expression().text());
      } else if (!defaults.isEmpty()) {
        throw place.broken(line, "a parameter after one with a default must have one too");
      }
      if (!words.skipOperator(",")) {
        break;
      }
    }
    words.expectOperator(")");
    words.expectEnd();
    begin("macro", line, "enddefine");
    refer(
        "define", new Statement.Define(line, name, List.copyOf(parameters), List.copyOf(defaults)));
  }

  /** Reads an expression that is all there is. */
  private String whole(Words words) {
    Emitted value = new ExpressionParser(place, constants, words).expression();
    if (words.peek().isOperator(",")) {
      throw place.unsupported(words.peek().line(), "a tuple without parentheses");
    }
    words.expectEnd();
    return value.text();
  }

  private void begin(String name, int line, String closing) {
    if (open.size() == MOST_DEPTH) {
      throw place.unsupported(line, "a statement more than " + MOST_DEPTH + " deep");
    }
    open.push(new Frame(name, line, closing));
  }

  private void end(String name, Words words, int line) {
    Frame frame = open.peek();
    if (frame == null || !name.equals("end" + frame.name)) {
      throw place.broken(
          line,
          frame == null
              ? "'" + name + "' ends nothing"
              : "expected 'end%s' for line %d, found '%s'".formatted(frame.name, frame.line, name));
    }
    if (frame.name.equals("macro") && words.peek().kind() == Lexeme.Kind.NAME) {
      words.take();
    }
    words.expectEnd();
    open.pop();
    tag(frame.closing, "");
  }

  private Frame requireOpen(String name, int line, String within, boolean loopToo) {
    Frame frame = open.peek();
    boolean fits =
        frame != null
            && !frame.hasElse
            && (frame.name.equals(within) || (loopToo && frame.name.equals("for")));
    if (frame == null || !fits) {
      throw place.broken(line, "'" + name + "' belongs to nothing");
    }
    return frame;
  }

  private boolean isWithin(String name) {
    return open.stream().anyMatch(frame -> frame.name.equals(name));
  }

  private void requireLoop(String name, int line) {
    for (Frame frame : open) {
      if (frame.name.equals("for")) {
        return;
      }
      if (!frame.name.equals("if")) {
        throw place.unsupported(line, "'" + name + "' within '" + frame.name + "'");
      }
    }
    throw place.broken(line, "'" + name + "' must be within a loop");
  }

  private void refer(String tag, Statement statement) {
    tag(tag, String.valueOf(constants.add(statement)));
  }

  private void tag(String name, String rest) {
    source.append("{% ").append(name).append(' ').append(rest).append(" %}");
  }
}
