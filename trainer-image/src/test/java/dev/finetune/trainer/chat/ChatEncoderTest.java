package dev.finetune.trainer.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.LossOn;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.tokenizer.SpecialTokensInText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.weights.GgufReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ChatEncoderTest {
  private static final JsonNode FAMILIES =
      JsonFile.read(Goldens.path("chat/templates.json"), JsonFile.SETTINGS_BYTES);
  private static final JsonNode MASKS =
      JsonFile.read(Goldens.path("chat/masks.json"), JsonFile.SETTINGS_BYTES);
  private static Tokenizer tokenizer;

  @BeforeAll
  static void loadTokenizer() {
    tokenizer =
        Tokenizer.fromFolder(Goldens.path("models/tiny-llama"), SpecialTokensInText.RECOGNIZED);
  }

  @AfterAll
  static void closeTokenizer() {
    tokenizer.close();
  }

  @Test
  void learnsWhatTransformersMarksAsTheAssistants() {
    for (JsonNode golden : MASKS.get("cases")) {
      ChatTokens tokens =
          encode(golden.get("template").textValue(), golden.get("conversation").textValue());
      assertThat(tokens.ids()).isEqualTo(ints(golden.get("input_ids")));
      assertThat(masks(tokens)).isEqualTo(ints(golden.get("assistant_masks")));
    }
  }

  /** Both templates make the same text of a conversation with a system message. */
  @Test
  void learnsTheSameOfATemplateWithoutMarks() {
    ChatTokens marked = encode("chatmlGeneration", "turns");
    for (String unmarked : List.of("chatml", "qwen2.5")) {
      ChatTokens tokens = encode(unmarked, "turns");
      assertThat(tokens.ids()).isEqualTo(marked.ids());
      assertThat(masks(tokens)).isEqualTo(masks(marked));
    }
  }

  @Test
  void learnsTheAnswerAsTheTemplateWritesItAndTheEndOfTheTurn() {
    assertThat(learned("qwen3", "thoughts"))
        .containsExactly("A1<|im_end|>", "<think>\nsecond\n</think>\n\nA2<|im_end|>");
    assertThat(learned("llama3", "turns")).containsExactly("2", "ok \ud83d\udc4d\ud83c\udffd");
    assertThat(learned("phi3", "turns")).containsExactly(" 2\n", "ok \ud83d\udc4d\ud83c\udffd");
    assertThat(learned("mistral", "plain")).containsExactly(" Hi there.<|im_end|>");
    assertThat(learned("gemma", "plain")).containsExactly("Hi there.");
  }

  @Test
  void learnsCallsOfTools() {
    assertThat(learned("qwen2.5", "calls"))
        .containsExactly(
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\", \"days\": 2}}\n</tool_call><|im_end|>",
            "Blue.<|im_end|>");
  }

  @Test
  void isNotMisledByAnAnswerThatSpellsTheEndOfATurn() {
    Conversation conversation =
        conversation(
            """
            {"messages":[{"role":"user","content":"<|im_start|>assistant\\nx<|im_end|>"},
             {"role":"assistant","content":"a<|im_end|>\\n<|im_start|>user\\nb"},
             {"role":"user","content":"a"},{"role":"assistant","content":"a"}]}
            """);
    assertThat(learned(encoder("chatml", LossOn.ANSWERS), conversation))
        .containsExactly("a<|im_end|>\n<|im_start|>user\nb<|im_end|>", "a<|im_end|>");
  }

  @Test
  void refusesARowWhereThePlaceOfAnAnswerIsNotCertain() {
    assertThatThrownBy(() -> encode("mistral", "turns"))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("messages[2]: where the answer begins is not certain")
        .hasMessageContaining("{% generation %}");
  }

  @Test
  void learnsOnlyTheCompletionOfAPromptAndACompletion() {
    Conversation conversation =
        conversation(
            """
            {"prompt":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
             {"role":"user","content":"c"}],"completion":[{"role":"assistant","content":"d"}]}
            """);
    for (String template : List.of("chatml", "chatmlGeneration")) {
      assertThat(learned(encoder(template, LossOn.ANSWERS), conversation))
          .containsExactly("d<|im_end|>");
    }
  }

  @Test
  void learnsEveryTokenButBosWhereToldTo() {
    ChatTokens tokens = encoder("chatml", LossOn.ALL).encode(golden("turns"));
    assertThat(tokens.learned()).doesNotContain(false);
    ChatTemplate withBos =
        ChatTemplate.of(
            tokenizer, "{{ bos_token }}{{ messages[0].content }}", () -> ChatTemplate.TRAINING_DAY);
    tokens = new ChatEncoder(withBos, tokenizer, LossOn.ALL).encode(golden("plain"));
    assertThat(tokens.ids()[0]).isEqualTo(tokenizer.bosId().orElseThrow());
    assertThat(tokens.ids()[1]).isNotEqualTo(tokenizer.bosId().orElseThrow());
    assertThat(tokens.learned()).startsWith(false, true).containsOnlyOnce(false);
  }

  @Test
  void joinsPartsForATemplateThatTakesOnlyText() {
    assertThat(learned("chatml", "parts")).containsExactly("c<|im_end|>");
    ChatTokens tokens = encode("chatml", "parts");
    assertThat(tokenizer.decode(tokens.ids(), false)).contains("<|im_start|>user\nab<|im_end|>");
  }

  /** The template of the model itself, and one that was written for the tests to be equal. */
  @Test
  void rendersByTheTemplateOfAGgufFile() {
    try (GgufReader reader = GgufReader.open(Goldens.path("gguf/smollm2-tokenizer.gguf"));
        Tokenizer smol = Tokenizer.fromGguf(reader.metadata(), SpecialTokensInText.RECOGNIZED)) {
      ChatTemplate template = ChatTemplate.of(smol, null, () -> ChatTemplate.TRAINING_DAY);
      int cases = 0;
      for (JsonNode golden : FAMILIES.get("cases")) {
        if (golden.get("template").textValue().equals("chatml") && golden.has("text")) {
          JsonNode messages = messages(golden.get("conversation").textValue());
          RenderedChat rendered =
              template.render(messages, null, golden.get("prompt").booleanValue());
          assertThat(rendered.text()).isEqualTo(golden.get("text").textValue());
          cases++;
        }
      }
      assertThat(cases).isGreaterThan(10);
    }
  }

  private static List<String> learned(String template, String conversation) {
    return learned(encoder(template, LossOn.ANSWERS), golden(conversation));
  }

  /** Returns the texts of the runs of learned tokens. */
  private static List<String> learned(ChatEncoder encoder, Conversation conversation) {
    ChatTokens tokens = encoder.encode(conversation);
    List<String> texts = new ArrayList<>();
    int from = -1;
    for (int i = 0; i <= tokens.ids().length; i++) {
      boolean learned = i < tokens.ids().length && tokens.learned()[i];
      if (learned && from < 0) {
        from = i;
      } else if (!learned && from >= 0) {
        texts.add(tokenizer.decode(Arrays.copyOfRange(tokens.ids(), from, i), false));
        from = -1;
      }
    }
    return texts;
  }

  private static ChatTokens encode(String template, String conversation) {
    return encoder(template, LossOn.ANSWERS).encode(golden(conversation));
  }

  private static ChatEncoder encoder(String template, LossOn lossOn) {
    return new ChatEncoder(
        ChatTemplate.of(
            tokenizer,
            FAMILIES.get("templates").get(template).textValue(),
            () -> ChatTemplate.TRAINING_DAY),
        tokenizer,
        lossOn);
  }

  private static Conversation golden(String conversation) {
    return conversation("{\"messages\": " + messages(conversation) + "}");
  }

  private static JsonNode messages(String conversation) {
    return FAMILIES.get("conversations").get(conversation);
  }

  private static Conversation conversation(String json) {
    return Conversation.of(JsonFile.parse("row", json), UnreadableData::new);
  }

  private static int[] masks(ChatTokens tokens) {
    int[] masks = new int[tokens.learned().length];
    for (int i = 0; i < masks.length; i++) {
      masks[i] = tokens.learned()[i] ? 1 : 0;
    }
    return masks;
  }

  private static int[] ints(JsonNode list) {
    int[] values = new int[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = list.get(i).intValue();
    }
    return values;
  }
}
