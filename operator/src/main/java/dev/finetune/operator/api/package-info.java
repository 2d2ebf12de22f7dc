/** The custom resource that users apply. */
@NullMarked
package dev.finetune.operator.api;

import org.jspecify.annotations.NullMarked;
