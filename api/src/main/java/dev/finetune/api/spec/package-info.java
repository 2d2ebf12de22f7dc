/** What the user asks for: the spec of a {@code FineTuneJob}, its defaults and its rules. */
@NullMarked
package dev.finetune.api.spec;

import org.jspecify.annotations.NullMarked;
