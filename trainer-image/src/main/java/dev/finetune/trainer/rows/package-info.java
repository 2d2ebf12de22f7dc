/** Where rows come from: files of several formats, read one row at a time. */
@NullMarked
package dev.finetune.trainer.rows;

import org.jspecify.annotations.NullMarked;
