/**
 * The report of a run as one HTML page: a pure function of what is to be shown. It knows no other
 * package of the trainer.
 */
@NullMarked
package dev.finetune.trainer.report;

import org.jspecify.annotations.NullMarked;
