/**
 * Every reader of bytes that a stranger may have written, fed with bytes that were made to do harm.
 * The short form is part of the tests; {@code trainer-image/fuzz/run} goes on for as long as it is
 * told, guided by coverage.
 */
package dev.finetune.trainer.fuzz;
