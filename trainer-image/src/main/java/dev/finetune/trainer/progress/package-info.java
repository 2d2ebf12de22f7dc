/** What a run says of itself: metrics a line a step, speed, and a line on the terminal. */
@NullMarked
package dev.finetune.trainer.progress;

import org.jspecify.annotations.NullMarked;
