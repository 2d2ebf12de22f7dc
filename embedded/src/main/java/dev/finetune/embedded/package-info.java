/** An API server and an object store in one process. */
@NullMarked
package dev.finetune.embedded;

import org.jspecify.annotations.NullMarked;
