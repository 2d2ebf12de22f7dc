/** Objects by name, in S3 or in a folder, with conditional writes. Knows nothing of runs. */
@NullMarked
package dev.finetune.trainer.storage;

import org.jspecify.annotations.NullMarked;
