package dev.finetune.trainer.tokenizer;

/**
 * A text as tokens and where each of them lies.
 *
 * @param ids token ids
 * @param starts index in the text, in Java chars, where each token begins. Tokens that share one
 *     character, as the bytes of an emoji may, all have that character's place
 * @param ends index after each token's last char
 */
public record EncodedText(int[] ids, int[] starts, int[] ends) {}
