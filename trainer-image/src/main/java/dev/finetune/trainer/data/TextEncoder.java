package dev.finetune.trainer.data;

import dev.finetune.trainer.tokenizer.EncodedText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.Arrays;

/**
 * Turns a prompt and what is to be learned into token ids and labels.
 *
 * <p>The text is tokenized once as a whole, unless told otherwise; a token is learned if it begins
 * at or after the start of what is to be learned. BOS comes first where the tokenizer's
 * configuration says so and is never learned; EOS comes last and is.
 *
 * @param tokenizer the base model's; stays the caller's
 * @param afterEos text after EOS, which is learned; mostly empty
 * @param learnsAll whether the prompt is learned too
 * @param apart whether the prompt is tokenized without what follows it, so that no token is of both
 */
record TextEncoder(Tokenizer tokenizer, String afterEos, boolean learnsAll, boolean apart) {
  /** Makes one that learns what follows the prompt, up to EOS. */
  TextEncoder(Tokenizer tokenizer) {
    this(tokenizer, "", false, false);
  }

  Example encode(int index, String prompt, String learned) {
    EncodedText encoded =
        apart ? encodeApart(prompt, learned) : tokenizer.encodeWithOffsets(prompt + learned);
    int[] after = afterEos.isEmpty() ? new int[0] : tokenizer.encode(afterEos);
    int bos = tokenizer.addsBos() ? 1 : 0;
    int length = encoded.ids().length;
    int[] ids = new int[bos + length + 1 + after.length];
    int[] labels = new int[ids.length];
    if (bos == 1) {
      ids[0] = tokenizer.bosId().orElseThrow();
      labels[0] = Example.NOT_SUPERVISED;
    }
    System.arraycopy(encoded.ids(), 0, ids, bos, length);
    int learnedFrom = learnsAll ? 0 : prompt.length();
    for (int i = 0; i < length; i++) {
      labels[bos + i] =
          encoded.starts()[i] >= learnedFrom ? encoded.ids()[i] : Example.NOT_SUPERVISED;
    }
    ids[bos + length] = tokenizer.eosId();
    System.arraycopy(after, 0, ids, bos + length + 1, after.length);
    System.arraycopy(ids, bos + length, labels, bos + length, 1 + after.length);
    return new Example(index, ids, labels);
  }

  private EncodedText encodeApart(String prompt, String learned) {
    EncodedText first = tokenizer.encodeWithOffsets(prompt);
    EncodedText second = tokenizer.encodeWithOffsets(learned);
    int offset = prompt.length();
    return new EncodedText(
        joined(first.ids(), second.ids(), 0),
        joined(first.starts(), second.starts(), offset),
        joined(first.ends(), second.ends(), offset));
  }

  private static int[] joined(int[] first, int[] second, int added) {
    int[] all = Arrays.copyOf(first, first.length + second.length);
    for (int i = 0; i < second.length; i++) {
      all[first.length + i] = second[i] + added;
    }
    return all;
  }
}
