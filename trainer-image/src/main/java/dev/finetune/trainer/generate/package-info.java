/** Text generation with a model and an adapter. */
@NullMarked
package dev.finetune.trainer.generate;

import org.jspecify.annotations.NullMarked;
