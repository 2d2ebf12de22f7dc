package dev.finetune.trainer.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.tokenizer.SpecialTokensInText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StreamedTextTest {
  private static final Path MODEL = Goldens.path("models/tiny-llama");

  @Test
  void passesOnWholeCharactersOnly() {
    String text = "Grüße, \ud83d\ude80 und 漢字\n";
    try (Tokenizer tokenizer = Tokenizer.fromFolder(MODEL, SpecialTokensInText.RECOGNIZED)) {
      List<String> pieces = new ArrayList<>();
      StreamedText streamed = new StreamedText(tokenizer, pieces::add);
      for (int id : tokenizer.encode(text)) {
        streamed.accept(id);
      }
      streamed.end();
      assertThat(String.join("", pieces)).isEqualTo(text);
      assertThat(pieces).hasSizeGreaterThan(5).noneMatch(piece -> piece.contains("\ufffd"));
    }
  }

  @Test
  void passesOnBytesThatAreNoCharacterAtTheEnd() {
    try (Tokenizer tokenizer = Tokenizer.fromFolder(MODEL, SpecialTokensInText.RECOGNIZED)) {
      int[] rocket = tokenizer.encode("\ud83d\ude80");
      assertThat(rocket.length).isGreaterThan(1);
      List<String> pieces = new ArrayList<>();
      StreamedText streamed = new StreamedText(tokenizer, pieces::add);
      streamed.accept(rocket[0]);
      assertThat(pieces).isEmpty();
      streamed.end();
      assertThat(pieces).containsExactly("\ufffd");
    }
  }

  @Test
  void findsWhatEndsAnAnswer() {
    try (Tokenizer tokenizer = Tokenizer.fromFolder(MODEL, SpecialTokensInText.RECOGNIZED)) {
      assertThat(StopTokens.of(MODEL, tokenizer))
          .contains(tokenizer.eosId(), tokenizer.encode("<|im_end|>")[0])
          .hasSizeLessThan(4);
    }
  }
}
