package dev.finetune.trainer.chat;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.tree.TagNode;
import java.util.List;

/**
 * A macro of a template.
 *
 * @param scope the variables where it was defined, which it sees as they are when it is called
 */
record Macro(
    Statement.Define definition, TagNode body, JinjavaInterpreter interpreter, Scope scope) {
  /** Calls it and returns what it printed. */
  String call(Object[] values) {
    List<String> parameters = definition.parameters();
    Arguments given = new Arguments("macro '" + definition.name() + "'", values);
    given.allow(parameters.size(), parameters.toArray(String[]::new));
    Rendering rendering = Rendering.current();
    Scope inner = scope.inner();
    int line = rendering.line();
    String[] text = {""};
    rendering.within(
        inner,
        () -> {
          bind(given, inner);
          text[0] = rendering.captured(() -> StatementTag.renderChildren(body, interpreter));
        });
    rendering.at(line);
    return text[0];
  }

  private void bind(Arguments given, Scope inner) {
    List<String> parameters = definition.parameters();
    int required = parameters.size() - definition.defaults().size();
    for (int i = 0; i < parameters.size(); i++) {
      String name = parameters.get(i);
      Object value = given.get(i, name);
      if (value == null) {
        value =
            i < required
                ? new Undefined(name)
                : StatementTag.evaluate(
                    interpreter, definition.defaults().get(i - required), definition.line());
      }
      inner.set(name, value);
    }
  }

  @Override
  public String toString() {
    return "macro " + definition.name();
  }
}
