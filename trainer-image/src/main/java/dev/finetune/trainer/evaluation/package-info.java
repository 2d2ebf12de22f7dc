/**
 * What is made of the evaluations of a run: which was the best, whether it is time to stop, and
 * what they show. Pure functions of what was measured.
 */
@NullMarked
package dev.finetune.trainer.evaluation;

import org.jspecify.annotations.NullMarked;
