package dev.finetune.trainer.data;

import dev.finetune.trainer.tokenizer.EncodedText;
import dev.finetune.trainer.tokenizer.Tokenizer;

/**
 * Turns a prompt and what is to be learned into token ids and labels.
 *
 * <p>The text is tokenized once as a whole; a token is learned if it begins at or after the start
 * of what is to be learned. BOS comes first where the tokenizer's configuration says so and is
 * never learned; EOS comes last and is.
 *
 * @param tokenizer the base model's; stays the caller's
 */
record TextEncoder(Tokenizer tokenizer) {
  Example encode(int index, String prompt, String learned) {
    EncodedText encoded = tokenizer.encodeWithOffsets(prompt + learned);
    int bos = tokenizer.addsBos() ? 1 : 0;
    int length = encoded.ids().length;
    int[] ids = new int[bos + length + 1];
    int[] labels = new int[ids.length];
    if (bos == 1) {
      ids[0] = tokenizer.bosId().orElseThrow();
      labels[0] = Example.NOT_SUPERVISED;
    }
    System.arraycopy(encoded.ids(), 0, ids, bos, length);
    for (int i = 0; i < length; i++) {
      labels[bos + i] =
          encoded.starts()[i] >= prompt.length() ? encoded.ids()[i] : Example.NOT_SUPERVISED;
    }
    ids[bos + length] = tokenizer.eosId();
    labels[bos + length] = tokenizer.eosId();
    return new Example(index, ids, labels);
  }
}
