package dev.finetune.trainer.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.AlpacaPrompt;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.LossOn;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.tokenizer.SpecialTokensInText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowRulesTest {
  private static final String HEADER =
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n";
  private static final String HEADER_WITH_INPUT =
      "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n";
  private static Tokenizer tokenizer;

  @TempDir private Path folder;

  @BeforeAll
  static void loadTokenizer() {
    tokenizer =
        Tokenizer.fromFolder(Goldens.path("models/tiny-llama"), SpecialTokensInText.RECOGNIZED);
  }

  @AfterAll
  static void closeTokenizer() {
    tokenizer.close();
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "NEWLINE,i\\n\\n### Response:\\n,i\\n\\n### Input:\\nx\\n\\n### Response:\\n",
        "SPACE,`i\\n\\n### Response: `,`i\\n\\n### Input:\\nx\\n\\n### Response: `",
        "BARE,i\\n\\n### Response:,i\\n\\n### Input:\\nx\\n\\n### Response:",
        "LLAMA_FACTORY,i\\n\\n### Response:\\n,i\\nx\\n\\n### Response:\\n"
      })
  void writesEachAlpacaPromptAsItIsInUse(
      AlpacaPrompt variant, String prompt, String promptWithInput) throws IOException {
    RowRules rules = new RowRules(DatasetFormat.ALPACA, variant, LossOn.ANSWERS, null);
    List<Example> examples =
        read(
            rules,
            "{'instruction':'i','output':'o'}\n{'instruction':'i','input':'x','output':'o'}");
    boolean llamaFactory = variant == AlpacaPrompt.LLAMA_FACTORY;
    String end = "o<|im_end|>" + (llamaFactory ? "\n\n" : "");
    assertThat(text(examples.get(0))).isEqualTo(HEADER + lines(prompt) + end);
    assertThat(text(examples.get(1)))
        .isEqualTo((llamaFactory ? HEADER : HEADER_WITH_INPUT) + lines(promptWithInput) + end);
    assertThat(learned(examples.get(0))).isEqualTo(end);
    JsonNode file = JsonFile.parse("file", PromptFile.of(rules, tokenizer).orElseThrow().content());
    assertThat(file.get("prompt").textValue())
        .isEqualTo(HEADER + lines(prompt).replace("i\n\n###", "{instruction}\n\n###"));
    assertThat(file.get("answer").textValue()).isEqualTo("{output}" + end.substring(1));
  }

  @Test
  void learnsPromptsTooWhereToldTo() throws IOException {
    RowRules rules =
        new RowRules(DatasetFormat.PROMPT_COMPLETION, AlpacaPrompt.NEWLINE, LossOn.ALL, null);
    Example example = read(rules, "{'prompt':'a b ','completion':'c'}").getFirst();
    assertThat(learned(example)).isEqualTo("a b c<|im_end|>");
  }

  @Test
  void readsConversationsByTheTemplateOfTheTokenizer() throws IOException {
    List<Example> examples =
        read(
            RowRules.of(DatasetFormat.CHAT),
            "{'messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b'}]}");
    assertThat(text(examples.getFirst()))
        .isEqualTo(
            "<|im_start|>system\nYou are a tiny test model<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n");
    assertThat(learned(examples.getFirst())).isEqualTo("b<|im_end|>");
  }

  @Test
  void namesTheLineAndTheMessageOfABrokenConversation() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("rows.jsonl"),
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n{\"messages\":[{\"role\":\"x\"}]}\n");
    List<ReadRow> rows = new ArrayList<>();
    new ExampleReader(tokenizer, DatasetFormat.CHAT, 512).read(file, rows::add);
    assertThat(rows.get(1))
        .isInstanceOfSatisfying(
            ReadRow.Broken.class,
            broken ->
                assertThat(broken.problem())
                    .contains("rows.jsonl: line 2: messages[0]: field 'role' must be one of"));
  }

  @Test
  void refusesSettingsThatTheFormatHasNoUseFor() {
    assertThatThrownBy(
            () ->
                RowRules.of(dataset(null, LossOn.ALL, DatasetFormat.TOKENS), DatasetFormat.TOKENS))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.dataset.lossOn: ");
    assertThatThrownBy(
            () ->
                RowRules.of(
                    dataset(AlpacaPrompt.SPACE, null, DatasetFormat.CHAT), DatasetFormat.CHAT))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.dataset.alpacaPrompt: ");
  }

  @Test
  void saysWhereToSetATemplateThatATokenizerLacks() throws IOException {
    Path bare = folder.resolve("bare");
    Files.createDirectory(bare);
    for (String name : List.of("tokenizer.json", "tokenizer_config.json", "config.json")) {
      Files.copy(Goldens.path("models/tiny-llama/" + name), bare.resolve(name));
    }
    try (Tokenizer without = Tokenizer.fromFolder(bare, SpecialTokensInText.RECOGNIZED)) {
      assertThatThrownBy(() -> new ExampleReader(without, DatasetFormat.CHAT, 512))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.dataset.chatTemplate: must be given");
    }
    Files.writeString(
        bare.resolve("chat_template.json"),
        "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"t\"},{\"name\":\"default\",\"template\":\"d\"}]}");
    try (Tokenizer with = Tokenizer.fromFolder(bare, SpecialTokensInText.RECOGNIZED)) {
      assertThat(with.chatTemplate()).isEqualTo("d");
    }
    Files.writeString(bare.resolve("chat_template.jinja"), "j");
    try (Tokenizer with = Tokenizer.fromFolder(bare, SpecialTokensInText.RECOGNIZED)) {
      assertThat(with.chatTemplate()).isEqualTo("j");
    }
  }

  private static Dataset dataset(
      @Nullable AlpacaPrompt alpaca, @Nullable LossOn lossOn, DatasetFormat format) {
    return new Dataset("file:a", null, null, format, null, null, alpaca, null, lossOn, null, null);
  }

  private List<Example> read(RowRules rules, String rows) throws IOException {
    Path file = Files.writeString(folder.resolve("rows.jsonl"), rows.replace('\'', '"'));
    List<Example> examples = new ArrayList<>();
    new ExampleReader(tokenizer, rules, 512)
        .read(file, row -> examples.add(((ReadRow.Whole) row).example()));
    return examples;
  }

  private static String lines(String text) {
    return text.replace("\\n", "\n");
  }

  private static String text(Example example) {
    return tokenizer.decode(example.inputIds(), false);
  }

  private static String learned(Example example) {
    List<Integer> ids = new ArrayList<>();
    for (int label : example.labels()) {
      if (label != Example.NOT_SUPERVISED) {
        ids.add(label);
      }
    }
    return tokenizer.decode(ids.stream().mapToInt(Integer::intValue).toArray(), false);
  }
}
