/**
 * The order of a run, and the commands. Read {@code FineTuneRecipe} first; nothing imports this.
 */
@NullMarked
package dev.finetune.trainer.recipe;

import org.jspecify.annotations.NullMarked;
