package dev.finetune.trainer.data;

/**
 * What reading a data set came to.
 *
 * @param rows rows of the file
 * @param truncated rows that were cut at the greatest length, dropped ones too
 * @param dropped rows that were left out, since no token of them is learned
 * @param tokens tokens of the rows that are kept
 * @param supervisedTokens tokens of these that are learned
 */
public record ReadReport(
    int rows, int truncated, int dropped, long tokens, long supervisedTokens) {}
