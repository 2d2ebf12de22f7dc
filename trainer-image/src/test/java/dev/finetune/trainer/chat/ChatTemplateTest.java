package dev.finetune.trainer.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.json.JsonFile;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateTest {
  private static final JsonNode FAMILIES = goldens("templates");
  private static final JsonNode CONSTRUCTS = goldens("constructs");
  private static final JsonNode NO_MESSAGES = JsonFile.parse("test", "[]");
  private static final JsonNode HELLO =
      JsonFile.parse("test", "[{\"role\":\"user\",\"content\":\"Hello\"}]");

  private static JsonNode goldens(String name) {
    return JsonFile.read(Goldens.path("chat/" + name + ".json"), JsonFile.SETTINGS_BYTES);
  }

  static Stream<String> families() {
    List<String> names = new ArrayList<>();
    FAMILIES.get("templates").fieldNames().forEachRemaining(names::add);
    return names.stream();
  }

  @ParameterizedTest
  @MethodSource("families")
  void rendersEveryConversationAsTransformersDoes(String family) {
    ChatTemplate template = template(FAMILIES.get("templates").get(family).textValue());
    int cases = 0;
    for (JsonNode golden : FAMILIES.get("cases")) {
      if (!golden.get("template").textValue().equals(family)) {
        continue;
      }
      cases++;
      String conversation = golden.get("conversation").textValue();
      JsonNode messages = FAMILIES.get("conversations").get(conversation);
      JsonNode tools = golden.get("tools").booleanValue() ? FAMILIES.get("tools") : null;
      boolean prompt = golden.get("prompt").booleanValue();
      requireSame(template, golden, messages, tools, prompt);
    }
    assertThat(cases).isPositive();
  }

  private static void requireSame(
      ChatTemplate template,
      JsonNode golden,
      JsonNode messages,
      @Nullable JsonNode tools,
      boolean prompt) {
    if (golden.has("fails")) {
      assertThatThrownBy(() -> template.render(messages, tools, prompt))
          .as("%s", golden)
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("test.jinja: line ");
      return;
    }
    RenderedChat rendered = template.render(messages, tools, prompt);
    assertThat(rendered.text()).as("%s", golden).isEqualTo(golden.get("text").textValue());
    assertThat(rendered.generated())
        .as("%s", golden)
        .isEqualTo(spans(rendered.text(), golden.get("generated")));
  }

  /** Python counts code points. */
  private static List<TextSpan> spans(String text, JsonNode generated) {
    return StreamSupport.stream(generated.spliterator(), false)
        .map(
            span ->
                new TextSpan(
                    text.offsetByCodePoints(0, span.get(0).intValue()),
                    text.offsetByCodePoints(0, span.get(1).intValue())))
        .toList();
  }

  static Stream<JsonNode> prints() {
    return StreamSupport.stream(CONSTRUCTS.get("prints").spliterator(), false);
  }

  @ParameterizedTest
  @MethodSource("prints")
  void printsWhatJinjaPrints(JsonNode golden) {
    assertThat(template(golden.get("template").textValue()).render(NO_MESSAGES, null, false).text())
        .isEqualTo(golden.get("text").textValue());
  }

  static Stream<String> fails() {
    return StreamSupport.stream(CONSTRUCTS.get("fails").spliterator(), false)
        .map(JsonNode::textValue);
  }

  @ParameterizedTest
  @MethodSource("fails")
  void failsWhereJinjaFails(String text) {
    assertThatThrownBy(() -> template(text).render(NO_MESSAGES, null, false))
        .isInstanceOf(TrainingFailure.class)
        .hasMessageStartingWith("test.jinja: line 1: ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      value = {
        "{{ x|nosuch }}=>line 1: filter 'nosuch'",
        "{% if x %}\\n{{ x is nosuch }}{% endif %}=>line 2: test 'nosuch'",
        "{% include 'a' %}=>line 1: statement 'include'",
        "{% call m() %}{% endcall %}=>line 1: statement 'call'",
        "{% for x in y recursive %}{% endfor %}=>line 1: a recursive loop",
        "{{ 1 < 2 < 3 }}=>line 1: a chain of comparisons",
        "{{ 2 ** 3 }}=>line 1: operator '**'",
        "{{ f(*x) }}=>line 1: an argument that is unpacked",
        "{% macro m() %}{{ caller() }}{% endmacro %}=>line 1: name 'caller'",
        "{% set a %}{% generation %}{% endgeneration %}{% endset %}=>line 1: 'generation' within",
        "{% for x in y %}{% set a %}{% break %}{% endset %}{% endfor %}=>line 1: 'break' within 'set'"
      })
  void namesWhatIsNotSupported(String text, String construct) {
    assertThatThrownBy(() -> template(text.replace("\\n", "\n")))
        .isInstanceOf(UnsupportedModel.class)
        .hasMessageContaining(construct)
        .hasMessageContaining("is not supported in a chat template");
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      value = {
        "{{ messages[0].role|safe ~ 'a' }}=>filter 'safe' is supported only for what is printed",
        "{{ '%d' % 1 }}=>operator '%' of a text supports only %s",
        "{{ 'a'.format(1) }}=>method 'format' of a text is not supported",
        "{{ messages[0].items }}=>method 'items' of a mapping must be called",
        "{{ strftime_now('%s') }}=>conversion '%s' of a time is not supported",
        "{{ 9223372036854775 * 10000 }}=>an integer of more than 64 bits is not supported"
      })
  void namesWhatIsNotSupportedOnceItIsReached(String text, String construct) {
    assertThatThrownBy(() -> template(text).render(HELLO, null, false))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("test.jinja: line 1: ")
        .hasMessageContaining(construct);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ messages }}{{ 'x' * 9999 }}{% endfor %}",
        "{{ 'x' * 999999999999 }}",
        "{% set ns = namespace(x='xxxxxxxx') %}{% for a in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for a in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for a in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x == ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for a in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|tojson }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ range(99999999999) }}",
        "{{ ['a']|join('x' * 9999999) }}{{ 'aaaaaaaa'|replace('a', 'x' * 999999) }}",
        "{{ ('a' * 99999)|indent(64, true) }}{% for i in range(99) %}{{ ('\n' * 99999)|indent(64, true, true)|length }}{% endfor %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__.forName('java.lang.Runtime') }}",
        "{{ messages.getClass() }}",
        "{{ self._TemplateReference__context }}",
        "{{ ____int3rpr3t3r____.getContext() }}",
        "{% set x = messages[0].update({'a': 1}) %}",
        "{% import 'file:/etc/passwd' as x %}",
        "{{ int3rpr3t3r }}{{ request.x }}{{ 'a'|pprint }}"
      })
  void boundsAndConfinesHostileTemplates(String text) {
    long start = System.nanoTime();
    assertThatThrownBy(() -> template(text).render(HELLO, null, false))
        .isInstanceOf(TrainingFailure.class)
        .hasMessageStartingWith("test.jinja: line 1: ");
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
  }

  @Test
  void refusesExpressionsAndStatementsThatNestTooDeep() {
    for (String text :
        List.of(
            "{{ " + "(".repeat(5000) + "1" + ")".repeat(5000) + " }}",
            "{{ " + "[".repeat(5000) + "]".repeat(5000) + " }}",
            "{{ " + "not ".repeat(5000) + "1 }}",
            "{{ " + "-".repeat(5000) + "1 }}",
            "{{ 1" + " + 1".repeat(5000) + " }}",
            "{{ 1" + "|abs".repeat(5000) + " }}",
            "{{ 1" + ".a".repeat(5000) + " }}",
            "{{ 1" + " if 1 else 2".repeat(5000) + " }}",
            "{% if 1 %}".repeat(5000) + "{% endif %}".repeat(5000))) {
      assertThatThrownBy(() -> template(text))
          .as(text.substring(0, 20))
          .isInstanceOf(UnsupportedModel.class)
          .hasMessageContaining("line 1: ");
    }
  }

  @Test
  void rendersTextThatLooksLikeATemplateAsItIs() {
    JsonNode messages =
        JsonFile.parse(
            "test",
            "[{\"role\":\"user\",\"content\":\"{{ 1 + 1 }}{% for x in y %}#{x}${x}{# a #}\\\\u0041\"}]");
    assertThat(template("{{ messages[0].content }}").render(messages, null, false).text())
        .isEqualTo("{{ 1 + 1 }}{% for x in y %}#{x}${x}{# a #}\\u0041");
  }

  private static ChatTemplate template(String text) {
    return ChatTemplate.of(
        "test.jinja",
        text,
        Map.of("bos_token", "<s>", "eos_token", "</s>"),
        () -> ChatTemplate.TRAINING_DAY);
  }
}
