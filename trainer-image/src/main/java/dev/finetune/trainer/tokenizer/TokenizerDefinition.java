package dev.finetune.trainer.tokenizer;

import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * All that a tokenizer is made of, wherever it was read.
 *
 * @param source what to call it in errors
 * @param json text of a {@code tokenizer.json}
 * @param vocabularySize one more than the highest token id
 * @param bos id of the token that begins a text
 * @param eos id of the token that ends a text
 * @param pad id of the token that fills up rows
 * @param addsBos whether texts begin with BOS; null: as the post-processor of the json does
 * @param chatTemplate Jinja template of conversations, or null
 */
record TokenizerDefinition(
    String source,
    String json,
    int vocabularySize,
    OptionalInt bos,
    int eos,
    OptionalInt pad,
    @Nullable Boolean addsBos,
    @Nullable String chatTemplate) {}
