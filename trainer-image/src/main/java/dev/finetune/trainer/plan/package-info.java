/**
 * The memory of a run, predicted before it starts: the trainer's allocations written down a second
 * time, by formula, in the order in which they happen. {@code Decoder*Memory} and {@code
 * StepMemory} mirror the classes that they are named after, method by method; a test compares them
 * with what the engine counts, to the byte.
 */
@NullMarked
package dev.finetune.trainer.plan;

import org.jspecify.annotations.NullMarked;
