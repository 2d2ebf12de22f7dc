/** What held-out rows are measured by: pure functions of what a model said of them. */
@NullMarked
package dev.finetune.trainer.metrics;

import org.jspecify.annotations.NullMarked;
