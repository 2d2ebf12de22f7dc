/** Regular expressions of users and of files: which of them may be run, and on what. */
@NullMarked
package dev.finetune.trainer.expression;

import org.jspecify.annotations.NullMarked;
