/** A proxy in front of an HTTP server that fails as it is told, to test clients. */
@NullMarked
package dev.finetune.embedded.faultproxy;

import org.jspecify.annotations.NullMarked;
