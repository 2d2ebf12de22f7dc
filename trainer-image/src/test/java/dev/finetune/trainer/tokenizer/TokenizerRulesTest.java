package dev.finetune.trainer.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.json.JsonFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Without these rules most of what is refused here ends the process, in the native library. */
class TokenizerRulesTest {
  private static final String MODEL = "models/tiny-llama";

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "normalizer|{'type':'Precompiled','precompiled_charsmap':'AAAA'}|'Precompiled' is not supported",
        "normalizer|{'type':'Replace','pattern':{'String':''},'content':'b'}|String that is not empty",
        "normalizer|{'type':'Replace','pattern':{'Regex':''},'content':'b'}|must have 1 to",
        "normalizer|{'type':'Prepend','prepend':'LONG'}|prepend of at most 64",
        "pre_tokenizer|{'type':'FixedLength','length':0}|length of at least 1",
        "pre_tokenizer|{'type':'Split','pattern':{'Regex':'(a+a+)+b'},'behavior':'Isolated','invert':false}|is not supported: it repeats",
        "pre_tokenizer|{'type':'Mystery'}|pre_tokenizer 'Mystery' is not supported",
        "post_processor|{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'zz','type_id':0}}],'pair':[],'special_tokens':{}}|must define the special token 'zz'",
        "post_processor|{'type':'TemplateProcessing','single':[{'Sequence':{'id':'B','type_id':0}}],'pair':[],'special_tokens':{}}|must not name the Sequence B",
        "post_processor|{'type':'TemplateProcessing','single':[{'Sequence':['B',0]}],'pair':[],'special_tokens':{}}|must have pieces",
        "decoder|{'type':'Strip','content':'a','start':100000,'stop':0}|must strip 0 to 64",
        "model.continuing_subword_prefix|'##'|continuing_subword_prefix",
        "model.dropout|0.5|dropout",
        "model|{'type':'WordPiece','unk_token':'a','continuing_subword_prefix':'','max_input_chars_per_word':1152921504606846976,'vocab':{'a':0}}|'WordPiece' is not supported",
        "model|{'type':'Unigram','unk_id':null,'vocab':[['a',0]]}|unk_id within it",
        "model|{'type':'Unigram','unk_id':5,'vocab':[['a',0]]}|unk_id within it",
        "added_tokens|[{'id':0,'content':''}]|content that is not empty",
      })
  void refusesByNameWhatTheNativeLibraryCannotBeTrustedWith(
      String field, String value, String message) throws IOException {
    String json = value.replace('\'', '"').replace("LONG", "x".repeat(100));
    assertThatThrownBy(() -> open(change(field, json)).close())
        .isInstanceOf(TrainingFailure.class)
        .hasMessageContaining("tokenizer.json")
        .hasMessageContaining(message);
  }

  @Test
  void refusesStepsThatMakeATextGrowWithoutBound() throws IOException {
    String step =
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaa\"}";
    String four = String.join(",", step, step, step, step);
    String json = "{\"type\":\"Sequence\",\"normalizers\":[" + four + "]}";
    assertThatThrownBy(() -> open(change("normalizer", json)).close())
        .isInstanceOf(UnreadableData.class)
        .hasMessageEndingWith("normalizer: must not make a text more than 256 times as long");
  }

  @Test
  void ignoresPaddingAndTruncationOfTheFile() throws IOException {
    String padding =
        "{\"strategy\":{\"Fixed\":1000000000000},\"direction\":\"Right\",\"pad_to_multiple_of\":null,"
            + "\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"x\"}";
    try (Tokenizer padded = open(change("padding", padding));
        Tokenizer plain = Tokenizer.fromFolder(Goldens.path(MODEL), SpecialTokensInText.PLAIN)) {
      assertThat(padded.encode("a text")).isEqualTo(plain.encode("a text"));
    }
  }

  @Test
  void refusesATextThatTheExpressionCouldGiveUpOn() throws IOException {
    try (Tokenizer tokenizer = open(change("truncation", "null"))) {
      assertThat(tokenizer.mostCharacters()).isEqualTo(1_500_000);
      assertThat(tokenizer.encode(" ".repeat(1_500_000))).isNotEmpty();
      assertThatThrownBy(() -> tokenizer.encode(" ".repeat(1_500_001)))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("must have at most 1500000 characters");
    }
  }

  private Tokenizer open(Path changed) {
    return Tokenizer.fromFolder(changed, SpecialTokensInText.RECOGNIZED);
  }

  private Path change(String field, String json) throws IOException {
    for (String name : new String[] {"config.json", "tokenizer_config.json"}) {
      Files.copy(Goldens.path(MODEL).resolve(name), folder.resolve(name));
    }
    Path original = Goldens.path(MODEL).resolve("tokenizer.json");
    ObjectNode tree = (ObjectNode) JsonFile.read(original, 1 << 20);
    JsonNode value = JsonFile.parse("value", json);
    if (field.startsWith("model.")) {
      ((ObjectNode) tree.get("model")).set(field.substring("model.".length()), value);
    } else {
      tree.set(field, value);
    }
    Files.writeString(folder.resolve("tokenizer.json"), tree.toString());
    return folder;
  }
}
