/** Files by the SHA-256 of their bytes in a folder that several processes may share. */
@NullMarked
package dev.finetune.trainer.cache;

import org.jspecify.annotations.NullMarked;
