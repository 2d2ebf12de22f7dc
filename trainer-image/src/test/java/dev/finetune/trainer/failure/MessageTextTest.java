package dev.finetune.trainer.failure;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MessageTextTest {
  @Test
  void leavesOutTheMiddleOfALongMessage() {
    String text = new UnreadableData("begin " + "x".repeat(1 << 20) + " end").getMessage();
    assertThat(text)
        .hasSizeLessThanOrEqualTo(MessageText.LONGEST)
        .startsWith("begin xx")
        .contains("x ... x")
        .endsWith("xx end");
  }

  @Test
  void showsWhatATerminalWouldObeyAsQuestionMarks() {
    assertThat(new UnreadableData("a\u001b[31m\u202eb\ud800\u2028c\u0000").getMessage())
        .isEqualTo("a?[31m?b??c?");
  }

  @Test
  void aNameCannotBeginALineOfItsOwn() {
    assertThat(new UnsupportedModel("tensor 'a\nERROR b'").getMessage())
        .isEqualTo("tensor 'a ERROR b'");
  }

  @Test
  void keepsOrdinaryTextAsItIs() {
    String text = "f\u00fcr '\u4e16\ud83d\ude00': must be 1 to 3, was 4";
    assertThat(new InvalidConfiguration(text).getMessage()).isEqualTo(text);
  }
}
