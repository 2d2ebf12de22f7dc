/**
 * Reads and writes files of tensors, safetensors and GGUF, as hostile input and without an engine.
 */
@NullMarked
package dev.finetune.trainer.weights;

import org.jspecify.annotations.NullMarked;
