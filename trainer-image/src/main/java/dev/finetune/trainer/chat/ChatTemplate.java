package dev.finetune.trainer.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.ContextConfigurationIF.ErrorHandlingStrategyIF.TemplateErrorTypeHandlingStrategy;
import com.hubspot.jinjava.interpret.ErrorHandlingStrategy;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.tree.Node;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.time.LocalDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Renders conversations as a model was trained on them, by the Jinja template that its tokenizer
 * brings, to the text that {@code apply_chat_template} of transformers makes.
 *
 * <p>A template is code of a stranger. It sees only the conversation, the tools and the special
 * tokens; no file, class or network; and what it may nest, repeat and print is bounded. It may be
 * used by several threads.
 *
 * @see "transformers 4.57.6, documentation of chat templates"
 */
public final class ChatTemplate {
  /** Most characters of a template. */
  public static final int MOST_CHARACTERS = 1 << 18;

  /** Day that templates are given in training, so that a run is the same on every day. */
  public static final LocalDateTime TRAINING_DAY = LocalDateTime.of(2024, 7, 26, 0, 0);

  private static final ErrorHandlingStrategy THROW =
      ErrorHandlingStrategy.builder()
          .setFatalErrorStrategy(TemplateErrorTypeHandlingStrategy.THROW_EXCEPTION)
          .setNonFatalErrorStrategy(TemplateErrorTypeHandlingStrategy.THROW_EXCEPTION)
          .build();

  private final TemplateText place;
  private final String text;
  private final CompiledTemplate compiled;
  private final Map<String, Object> specialTokens;
  private final Supplier<LocalDateTime> clock;
  private final Jinjava jinjava;
  private final Node root;

  private ChatTemplate(
      TemplateText place,
      String text,
      Map<String, String> specialTokens,
      Supplier<LocalDateTime> clock) {
    this.place = place;
    this.text = text;
    this.specialTokens = Map.copyOf(specialTokens);
    this.clock = clock;
    this.compiled = TemplateCompiler.compile(place, text);
    this.jinjava = engine();
    this.root = interpreter().parse(compiled.source());
  }

  /**
   * Reads a template.
   *
   * @param source what to call it in errors
   * @param specialTokens the texts of {@code bos_token}, {@code eos_token} and others by these
   *     names
   * @param clock what {@code strftime_now} formats; for training {@link #TRAINING_DAY}
   * @throws UnreadableData if it is too long or no Jinja; names the line
   * @throws dev.finetune.trainer.failure.UnsupportedModel if it uses something that is not
   *     supported; names it and the line
   */
  public static ChatTemplate of(
      String source,
      String text,
      Map<String, String> specialTokens,
      Supplier<LocalDateTime> clock) {
    if (text.length() > MOST_CHARACTERS) {
      throw new UnreadableData(
          "%s: a chat template must have at most %d characters, had %d"
              .formatted(source, MOST_CHARACTERS, text.length()));
    }
    return new ChatTemplate(new TemplateText(source), text, specialTokens, clock);
  }

  /**
   * Reads the template of a tokenizer, or another one for it.
   *
   * @param other template that stands in for the tokenizer's, or null
   * @throws InvalidConfiguration if there is neither
   */
  public static ChatTemplate of(
      Tokenizer tokenizer, @Nullable String other, Supplier<LocalDateTime> clock) {
    String own = tokenizer.chatTemplate();
    if (other == null && own == null) {
      throw new InvalidConfiguration(
          "spec.dataset.chatTemplate: must be given, since the tokenizer has no chat template: "
              + tokenizer.source());
    }
    Map<String, String> special = specialTokens(tokenizer);
    return other != null
        ? of("spec.dataset.chatTemplate", other, special, clock)
        : of("chat template of " + tokenizer.source(), String.valueOf(own), special, clock);
  }

  /**
   * Returns the texts of a tokenizer's special tokens by the names that templates have for them.
   */
  public static Map<String, String> specialTokens(Tokenizer tokenizer) {
    Map<String, String> special = new HashMap<>();
    tokenizer.bosId().ifPresent(id -> special.put("bos_token", spelling(tokenizer, id)));
    tokenizer.padId().ifPresent(id -> special.put("pad_token", spelling(tokenizer, id)));
    special.put("eos_token", spelling(tokenizer, tokenizer.eosId()));
    return special;
  }

  private static String spelling(Tokenizer tokenizer, int id) {
    return tokenizer.decode(new int[] {id}, false);
  }

  /** Returns the text of the template. */
  public String text() {
    return text;
  }

  /** Returns what errors call the template. */
  public String source() {
    return place.source();
  }

  /** Returns whether the template marks what the assistant says by {@code {% generation %}}. */
  public boolean marksGenerated() {
    return compiled.marksGenerated();
  }

  /**
   * Renders a conversation.
   *
   * @param messages list of objects, each with a role
   * @param tools list of tools by JSON schema, or null
   * @param addGenerationPrompt whether the text ends where the assistant begins to answer
   * @throws UnreadableData if the template refuses the conversation, fails on it, or exceeds its
   *     bounds; names the line of the template
   */
  public RenderedChat render(
      JsonNode messages, @Nullable JsonNode tools, boolean addGenerationPrompt) {
    Size size = new Size();
    size.add(messages);
    if (tools != null) {
      size.add(tools);
    }
    Rendering rendering =
        new Rendering(
            compiled,
            variables(messages, tools, addGenerationPrompt),
            clock.get(),
            RenderBounds.of(size.values, size.characters + text.length()));
    try {
      rendering.run(() -> interpreter().render(root, false));
    } catch (RuntimeException | StackOverflowError e) {
      throw new UnreadableData(
          "%s: line %d: %s".formatted(place.source(), rendering.line(), reason(rendering, e)), e);
    }
    return rendering.result();
  }

  private Map<String, Object> variables(
      JsonNode messages, @Nullable JsonNode tools, boolean addGenerationPrompt) {
    Map<String, Object> variables = new HashMap<>(specialTokens);
    for (Builtin builtin : Builtin.values()) {
      variables.put(builtin.callee(), builtin);
    }
    try {
      variables.put("messages", PythonValues.of(messages));
      variables.put("tools", tools == null ? None.NONE : PythonValues.of(tools));
    } catch (RenderFailure e) {
      throw new UnreadableData(place.source() + ": " + e.getMessage(), e);
    }
    variables.put("documents", None.NONE);
    variables.put("add_generation_prompt", addGenerationPrompt);
    return variables;
  }

  private static String reason(Rendering rendering, Throwable failure) {
    RenderFailure own = rendering.failure();
    if (own != null) {
      return String.valueOf(own.getMessage());
    }
    String stackOverflow = StackOverflowError.class.getSimpleName();
    if (failure.toString().contains(stackOverflow)) {
      return "expressions and macros nest too deep";
    }
    throw new IllegalStateException("a chat template failed in jinjava", failure);
  }

  private JinjavaInterpreter interpreter() {
    JinjavaConfig config = jinjava.getGlobalConfig();
    Context context = new Context(jinjava.getGlobalContext(), Map.of(), config.getDisabled());
    context.setErrorHandlingStrategy(THROW);
    return new JinjavaInterpreter(jinjava, context, config);
  }

  private static Jinjava engine() {
    Jinjava jinjava =
        new Jinjava(
            JinjavaConfig.newBuilder()
                .withNestedInterpretationEnabled(false)
                .withFailOnUnknownTokens(false)
                .withMaxRenderDepth(1)
                .build());
    for (Method method : JinjaFunctions.class.getDeclaredMethods()) {
      if (Modifier.isPublic(method.getModifiers())) {
        jinjava
            .getGlobalContext()
            .registerFunction(new ELFunctionDefinition("jinja", method.getName(), method));
      }
    }
    List.of(StatementTag.values()).forEach(jinjava.getGlobalContext()::registerTag);
    return jinjava;
  }

  /** Counts what a conversation is made of. */
  private static final class Size {
    private long values;
    private long characters;

    void add(JsonNode node) {
      values++;
      characters += node.isTextual() ? node.textValue().length() : 1;
      node.properties().forEach(field -> characters += field.getKey().length());
      node.forEach(this::add);
    }
  }
}
