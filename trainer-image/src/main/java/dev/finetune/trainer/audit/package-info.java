/** What is wrong with a data set, found row by row before anything is trained. */
@NullMarked
package dev.finetune.trainer.audit;

import org.jspecify.annotations.NullMarked;
