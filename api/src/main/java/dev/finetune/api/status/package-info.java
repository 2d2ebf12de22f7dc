/** What the user sees: the status of a {@code FineTuneJob}. */
@NullMarked
package dev.finetune.api.status;

import org.jspecify.annotations.NullMarked;
