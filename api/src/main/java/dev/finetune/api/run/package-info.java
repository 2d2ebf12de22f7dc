/**
 * What a run leaves in object storage and how it ends: the contract between operator and trainer.
 */
@NullMarked
package dev.finetune.api.run;

import org.jspecify.annotations.NullMarked;
