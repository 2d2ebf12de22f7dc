/** The embedded default. */
@NullMarked
package dev.finetune.local;

import org.jspecify.annotations.NullMarked;
