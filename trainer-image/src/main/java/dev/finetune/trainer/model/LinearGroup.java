package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.LoraModule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Linear layers that share an input, each with its low-rank update if the adapter has one, and one
 * dropout mask for the updates of all of them.
 *
 * @param layer index of the block
 * @param group index of the group within the block
 * @param linears the layers
 */
record LinearGroup(Kernels kernels, int layer, int group, List<FrozenLinear> linears)
    implements AutoCloseable {
  /** The outputs (T, out) and, where a layer has an update, its input after A (T, rank). */
  record Outputs(Tensor[] y, @Nullable Tensor[] low) {}

  /** Computes {@code y = W x + scaling B A dropout(x)} for each layer. */
  Outputs forward(Scope scope, Tensor x, Pass pass) {
    Tensor[] y = new Tensor[linears.size()];
    @Nullable Tensor[] low = new @Nullable Tensor[y.length];
    try (Scope temporary = new Scope()) {
      Tensor dropped = dropped(temporary, x, pass);
      for (int i = 0; i < y.length; i++) {
        FrozenLinear linear = linears.get(i);
        LoraModule module = module(pass, linear);
        try (Scope product = new Scope()) {
          Tensor w = linear.weight().materialize(product);
          if (module == null) {
            y[i] = kernels.linear(scope, x, w);
          } else {
            Kernels.Adapted adapted =
                kernels.lora(scope, x, dropped, w, module.a(), module.b(), module.scaling());
            y[i] = adapted.y();
            low[i] = adapted.low();
          }
        }
      }
    }
    return new Outputs(y, low);
  }

  /**
   * Adds the gradients of the updates to the adapter and returns the gradient to x.
   *
   * @param g gradients to the outputs
   * @param x the input of the forward pass
   * @param low what the forward pass returned as {@link Outputs#low}
   */
  Tensor backward(Scope scope, Tensor[] g, Tensor x, @Nullable Tensor[] low, Pass pass) {
    try (Scope temporary = new Scope()) {
      Tensor mask = mask(temporary, x, pass);
      Tensor dropped = mask == null ? x : kernels.dropout(temporary, x, mask, scale(pass));
      Tensor dx = sumOfProducts(scope, g);
      // Without dropout the updates' gradient to x goes straight into the sum.
      Tensor updates = mask == null ? dx : kernels.zerosLike(temporary, x);
      for (int i = 0; i < g.length; i++) {
        LoraModule module = module(pass, linears.get(i));
        Tensor lowOfLayer = low[i];
        if (module != null && lowOfLayer != null) {
          accumulate(updates, g[i], dropped, lowOfLayer, module);
        }
      }
      if (mask != null) {
        kernels.accumulate(dx, kernels.dropout(temporary, updates, mask, scale(pass)));
      }
      return dx;
    }
  }

  private Tensor sumOfProducts(Scope scope, Tensor[] g) {
    Tensor sum = null;
    for (int i = 0; i < g.length; i++) {
      try (Scope product = new Scope()) {
        Tensor w = linears.get(i).weight().materialize(product);
        if (sum == null) {
          sum = kernels.linearBackward(scope, g[i], w);
        } else {
          kernels.accumulate(sum, kernels.linearBackward(product, g[i], w));
        }
      }
    }
    if (sum == null) {
      throw new IllegalStateException("a group has at least one layer");
    }
    return sum;
  }

  private void accumulate(Tensor updates, Tensor g, Tensor dropped, Tensor low, LoraModule module) {
    try (Scope scope = new Scope()) {
      Kernels.Pair gradients =
          kernels.loraBackward(
              scope, updates, g, dropped, low, module.a(), module.b(), module.scaling());
      kernels.addInto(module.gradientA(), gradients.first());
      kernels.addInto(module.gradientB(), gradients.second());
    }
  }

  private Tensor dropped(Scope scope, Tensor x, Pass pass) {
    Tensor mask = mask(scope, x, pass);
    return mask == null ? x : kernels.dropout(scope, x, mask, scale(pass));
  }

  private @Nullable Tensor mask(Scope scope, Tensor x, Pass pass) {
    boolean adapted = linears.stream().anyMatch(linear -> module(pass, linear) != null);
    return adapted ? pass.mask(kernels, scope, layer, group, x.size(1)) : null;
  }

  private static double scale(Pass pass) {
    return pass.dropout() == null ? 1 : pass.dropout().scale();
  }

  private static @Nullable LoraModule module(Pass pass, FrozenLinear linear) {
    LoraAdapter adapter = pass.adapter();
    return adapter == null ? null : adapter.find(linear.name());
  }

  @Override
  public void close() {
    linears.forEach(FrozenLinear::close);
  }
}
