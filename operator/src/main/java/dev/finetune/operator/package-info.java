/** The operator. */
@NullMarked
package dev.finetune.operator;

import org.jspecify.annotations.NullMarked;
