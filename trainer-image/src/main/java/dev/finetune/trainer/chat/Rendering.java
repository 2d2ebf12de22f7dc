package dev.finetune.trainer.chat;

import java.time.LocalDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One rendering of a template: its variables, what it printed, and what it may still spend. The
 * text goes to one buffer, so that the place of a span in it is known at once.
 */
final class Rendering {
  private static final ScopedValue<Rendering> CURRENT = ScopedValue.newInstance();
  private static final int MOST_CALLS = 40;
  private static final long LONGEST_NANOS = 20_000_000_000L;

  private final List<Object> constants;
  private final Object[] slots;
  private final LocalDateTime now;
  private final Deque<StringBuilder> outputs = new ArrayDeque<>();
  private final List<TextSpan> spans = new ArrayList<>();
  private final long deadline = System.nanoTime() + LONGEST_NANOS;
  private Scope scope;
  private int line = 1;
  private int calls;
  private long stepsLeft;
  private long charactersLeft;
  private @Nullable RenderFailure failure;

  /**
   * Makes one.
   *
   * @param variables what the template is given, by name
   * @param bounds what it may spend
   */
  Rendering(
      CompiledTemplate template,
      Map<String, Object> variables,
      LocalDateTime now,
      RenderBounds bounds) {
    this.constants = template.constants();
    this.slots = new Object[template.slots()];
    this.now = now;
    this.stepsLeft = bounds.steps();
    this.charactersLeft = bounds.characters();
    this.scope = new Scope(variables).inner();
    this.outputs.push(new StringBuilder());
  }

  /** Returns the one that this thread is in. */
  static Rendering current() {
    return CURRENT.get();
  }

  /** Keeps the first failure of the one that this thread is in, if it is in one. */
  static void failed(RenderFailure failure) {
    if (CURRENT.isBound() && CURRENT.get().failure == null) {
      CURRENT.get().failure = failure;
    }
  }

  /** Returns the first failure, or null. */
  @Nullable RenderFailure failure() {
    return failure;
  }

  /** Runs something within this. */
  void run(Runnable work) {
    ScopedValue.where(CURRENT, this).run(work);
  }

  /** Counts a step. */
  void step() {
    if (--stepsLeft < 0 || ((stepsLeft & 0xfff) == 0 && System.nanoTime() - deadline > 0)) {
      throw new RenderFailure("a template must end, this one takes too many steps");
    }
  }

  /** Counts characters or items that are made or read. */
  void charge(long count) {
    charactersLeft -= count;
    if (charactersLeft < 0) {
      throw new RenderFailure("a template must make a text of bounded size, this one makes more");
    }
  }

  Object constant(int index) {
    return constants.get(index);
  }

  void keep(int slot, Object value) {
    slots[slot] = value;
  }

  Object kept(int slot) {
    return slots[slot];
  }

  Scope scope() {
    return scope;
  }

  /** Does something with other variables. */
  void within(Scope inner, Runnable work) {
    Scope outer = scope;
    scope = inner;
    try {
      work.run();
    } finally {
      scope = outer;
    }
  }

  /** Returns the line that is being rendered, from 1. */
  int line() {
    return line;
  }

  void at(int newLine) {
    line = newLine;
  }

  LocalDateTime now() {
    return now;
  }

  /** Prints a text. */
  void print(String text) {
    charge(text.length());
    outputs.element().append(text);
  }

  /** Returns what is printed while something is done, which is not printed then. */
  String captured(Runnable work) {
    if (++calls > MOST_CALLS) {
      throw new RenderFailure("macros must call one another at most " + MOST_CALLS + " deep");
    }
    outputs.push(new StringBuilder());
    work.run();
    calls--;
    String text = outputs.pop().toString();
    charge(text.length());
    return text;
  }

  /** Remembers that what is printed while something is done is the assistant's. */
  void span(Runnable work) {
    int start = outputs.element().length();
    work.run();
    spans.add(new TextSpan(start, outputs.element().length()));
  }

  /** Returns the text and the spans. */
  RenderedChat result() {
    return new RenderedChat(outputs.element().toString(), spans);
  }
}
