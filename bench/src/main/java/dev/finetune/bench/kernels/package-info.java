/** Times single kernels, forward and backward, with JMH. */
@NullMarked
package dev.finetune.bench.kernels;

import org.jspecify.annotations.NullMarked;
