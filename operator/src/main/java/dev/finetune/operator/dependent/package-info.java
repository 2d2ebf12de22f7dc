/** Thin shells that write to the cluster what others decided. */
@NullMarked
package dev.finetune.operator.dependent;

import org.jspecify.annotations.NullMarked;
