/** JSON files of the user, read as hostile input: bounded in size and depth, errors by place. */
@NullMarked
package dev.finetune.trainer.json;

import org.jspecify.annotations.NullMarked;
