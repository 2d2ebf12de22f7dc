package dev.finetune.trainer.chat;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.ElseTag;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Statements that jinjava has otherwise or not at all. Each refers to its {@link Statement} by
 * number, prints by {@link Rendering}, and returns no text to jinjava.
 */
enum StatementTag implements Tag {
  LOOP("loop", true),
  ASSIGN("assign", false),
  CAPTURE("capture", true),
  DEFINE("define", true),
  GENERATED("generated", true),
  LEAVE("leave", false);

  private final String tagName;
  private final boolean hasBody;

  StatementTag(String tagName, boolean hasBody) {
    this.tagName = tagName;
    this.hasBody = hasBody;
  }

  @Override
  public String getName() {
    return tagName;
  }

  @Override
  public @Nullable String getEndTagName() {
    return hasBody ? "end" + tagName : null;
  }

  @Override
  public String interpret(TagNode node, JinjavaInterpreter interpreter) {
    Rendering rendering = Rendering.current();
    rendering.step();
    if (this == GENERATED) {
      rendering.span(() -> renderChildren(node, interpreter));
      return "";
    }
    Statement statement =
        (Statement) rendering.constant(Integer.parseInt(node.getHelpers().trim()));
    rendering.at(statement.line());
    switch (statement) {
      case Statement.Loop loop -> loop(rendering, loop, node, interpreter);
      case Statement.Assign(int line, List<String> targets, String value) ->
          give(rendering.scope(), targets, evaluate(interpreter, value, line));
      case Statement.AssignWithin assign -> assignWithin(rendering, assign, interpreter);
      case Statement.Capture capture -> capture(rendering, capture, node, interpreter);
      case Statement.Define define ->
          rendering
              .scope()
              .set(define.name(), new Macro(define, node, interpreter, rendering.scope()));
      case Statement.Leave(int line, boolean loop) -> throw new LoopExit(loop);
    }
    return "";
  }

  /** Renders what stands within a statement. */
  static void renderChildren(TagNode node, JinjavaInterpreter interpreter) {
    node.getChildren().forEach(child -> child.render(interpreter));
  }

  /** Evaluates an expression. */
  static Object evaluate(JinjavaInterpreter interpreter, String expression, int line) {
    return interpreter.resolveELExpression(expression, line);
  }

  private static void loop(
      Rendering rendering, Statement.Loop loop, TagNode node, JinjavaInterpreter interpreter) {
    Object value = evaluate(interpreter, loop.items(), loop.line());
    List<Object> items = selected(rendering, loop, Filters.required("for", value), interpreter);
    List<Node> body = new ArrayList<>();
    List<Node> otherwise = new ArrayList<>();
    boolean inBody = true;
    for (Node child : node.getChildren()) {
      if (child instanceof TagNode tag && tag.getName().equals(ElseTag.TAG_NAME)) {
        inBody = false;
      } else {
        (inBody ? body : otherwise).add(child);
      }
    }
    if (items.isEmpty()) {
      rendering.within(
          rendering.scope().inner(), () -> otherwise.forEach(child -> child.render(interpreter)));
      return;
    }
    LoopState state = new LoopState(items, 1);
    Scope outer = rendering.scope();
    for (int i = 0; i < items.size(); i++) {
      rendering.step();
      state.at(i);
      Scope inner = outer.inner();
      give(inner, loop.targets(), items.get(i));
      inner.set("loop", state);
      try {
        rendering.within(inner, () -> body.forEach(child -> child.render(interpreter)));
      } catch (LoopExit e) {
        if (e.endsLoop()) {
          return;
        }
      }
    }
  }

  private static List<Object> selected(
      Rendering rendering,
      Statement.Loop loop,
      List<Object> items,
      JinjavaInterpreter interpreter) {
    String condition = loop.condition();
    if (condition == null) {
      return items;
    }
    List<Object> selected = new ArrayList<>();
    for (Object item : items) {
      rendering.step();
      Scope inner = rendering.scope().inner();
      give(inner, loop.targets(), item);
      rendering.within(
          inner,
          () -> {
            if (PythonValues.truth(evaluate(interpreter, condition, loop.line()))) {
              selected.add(item);
            }
          });
    }
    return selected;
  }

  private static void give(Scope scope, List<String> targets, Object value) {
    if (targets.size() == 1) {
      scope.set(targets.getFirst(), value);
      return;
    }
    List<Object> parts = Filters.required("for", value);
    if (parts.size() != targets.size()) {
      throw new RenderFailure(
          "expected %d values for the names %s, found %d"
              .formatted(targets.size(), targets, parts.size()));
    }
    for (int i = 0; i < parts.size(); i++) {
      scope.set(targets.get(i), parts.get(i));
    }
  }

  private static void assignWithin(
      Rendering rendering, Statement.AssignWithin assign, JinjavaInterpreter interpreter) {
    Object value = evaluate(interpreter, assign.value(), assign.line());
    if (!(rendering.scope().get(assign.namespace()) instanceof Namespace namespace)) {
      throw new RenderFailure("'" + assign.namespace() + "' must be a namespace to be changed");
    }
    namespace.values().put(assign.name(), value);
  }

  private static void capture(
      Rendering rendering,
      Statement.Capture capture,
      TagNode node,
      JinjavaInterpreter interpreter) {
    Scope scope = rendering.scope();
    Scope inner = scope.inner();
    Object[] value = {""};
    rendering.within(
        inner,
        () -> {
          value[0] = rendering.captured(() -> renderChildren(node, interpreter));
          String filter = capture.filter();
          if (filter != null) {
            inner.set(Statement.Capture.CAPTURED, value[0]);
            value[0] = evaluate(interpreter, filter, capture.line());
          }
        });
    scope.set(capture.target(), value[0]);
  }
}
