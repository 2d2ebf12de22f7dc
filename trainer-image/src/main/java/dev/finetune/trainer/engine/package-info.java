/**
 * The only package that knows DJL, libtorch and foreign functions: tensors, scopes, kernels.
 *
 * <p>Gradients are never recorded here. Every layer above writes its backward pass by hand out of
 * the kernels of this package.
 */
@NullMarked
package dev.finetune.trainer.engine;

import org.jspecify.annotations.NullMarked;
