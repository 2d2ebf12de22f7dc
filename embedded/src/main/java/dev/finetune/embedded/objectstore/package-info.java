/** An S3 server in this process, over a folder. */
@NullMarked
package dev.finetune.embedded.objectstore;

import org.jspecify.annotations.NullMarked;
