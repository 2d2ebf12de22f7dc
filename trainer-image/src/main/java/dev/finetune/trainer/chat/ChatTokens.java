package dev.finetune.trainer.chat;

/**
 * A conversation as tokens.
 *
 * @param ids token ids
 * @param learned whether each token is learned
 */
public record ChatTokens(int[] ids, boolean[] learned) {}
