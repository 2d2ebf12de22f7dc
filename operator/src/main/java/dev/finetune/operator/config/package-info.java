/** Settings of the operator, on one screen. */
@NullMarked
package dev.finetune.operator.config;

import org.jspecify.annotations.NullMarked;
