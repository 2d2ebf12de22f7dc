package dev.finetune.trainer.chat;

import java.util.List;

/**
 * A template as jinjava reads it.
 *
 * @param source statements and calls of {@link JinjaFunctions}, without any text of the template
 * @param constants what these refer to by number
 * @param slots places to keep values in
 * @param marksGenerated whether it has {@code {% generation %}}
 */
record CompiledTemplate(String source, List<Object> constants, int slots, boolean marksGenerated) {}
