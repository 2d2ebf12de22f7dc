package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.LoraGroup;
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
  /**
   * The outputs (T, out) and, if a layer has an update, the input of all updates after A (T, sum of
   * ranks).
   */
  record Outputs(Tensor[] y, @Nullable Tensor low) {}

  /** Computes {@code y = W x + scaling B A dropout(x)} for each layer. */
  Outputs forward(Scope scope, Tensor x, Pass pass) {
    LoraGroup updates = updates(pass);
    Tensor low = updates == null ? null : low(scope, updates, x, pass);
    Tensor[] y = new Tensor[linears.size()];
    for (int i = 0; i < y.length; i++) {
      LoraGroup.Member member = updates == null ? null : updates.members().get(i);
      try (Scope product = new Scope()) {
        Tensor w = linears.get(i).weight().materialize(product);
        y[i] =
            member == null || low == null
                ? kernels.linear(scope, x, w)
                : kernels.lora(scope, x, w, low, member.update());
      }
    }
    return new Outputs(y, low);
  }

  private Tensor low(Scope scope, LoraGroup updates, Tensor x, Pass pass) {
    try (Scope temporary = new Scope()) {
      Tensor mask = mask(temporary, x, pass);
      Tensor dropped = mask == null ? x : kernels.dropout(temporary, x, mask, scale(pass));
      return kernels.loraLow(scope, dropped, updates.a());
    }
  }

  /**
   * Adds the gradients of the updates to the adapter and returns the gradient to x.
   *
   * @param g gradients to the outputs
   * @param x the input of the forward pass
   * @param low what the forward pass returned as {@link Outputs#low}
   */
  Tensor backward(Scope scope, Tensor[] g, Tensor x, @Nullable Tensor low, Pass pass) {
    try (Scope temporary = new Scope()) {
      Tensor dx = sumOfProducts(scope, g);
      LoraGroup updates = updates(pass);
      if (updates != null && low != null) {
        Tensor mask = mask(temporary, x, pass);
        Tensor up = accumulate(temporary, updates, g, x, mask, low, pass);
        if (mask == null) {
          kernels.accumulateProduct(dx, up, updates.a());
        } else {
          Tensor dropped = kernels.linearBackward(temporary, up, updates.a());
          kernels.accumulate(dx, kernels.dropout(temporary, dropped, mask, scale(pass)));
        }
      }
      return dx;
    }
  }

  /**
   * Adds the gradients of the updates to the adapter, as {@link #backward} does, where nobody needs
   * the gradient to x.
   */
  void accumulate(Tensor[] g, Tensor x, @Nullable Tensor low, Pass pass) {
    LoraGroup updates = updates(pass);
    if (updates != null && low != null) {
      try (Scope temporary = new Scope()) {
        accumulate(temporary, updates, g, x, mask(temporary, x, pass), low, pass);
      }
    }
  }

  /** Returns the gradient to the input of all updates after A (T, sum of ranks). */
  private Tensor accumulate(
      Scope scope,
      LoraGroup updates,
      Tensor[] g,
      Tensor x,
      @Nullable Tensor mask,
      Tensor low,
      Pass pass) {
    Tensor up = kernels.emptyLike(scope, low);
    for (int i = 0; i < g.length; i++) {
      LoraGroup.Member member = updates.members().get(i);
      if (member != null) {
        kernels.loraUp(up, g[i], low, member.update(), member.module().gradientB());
      }
    }
    Tensor dropped = mask == null ? x : kernels.dropout(scope, x, mask, scale(pass));
    kernels.accumulateGradient(updates.gradientA(), up, dropped);
    return up;
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

  private @Nullable Tensor mask(Scope scope, Tensor x, Pass pass) {
    return pass.mask(kernels, scope, layer, group, x.size(1));
  }

  private static double scale(Pass pass) {
    return pass.dropout() == null ? 1 : pass.dropout().scale();
  }

  private @Nullable LoraGroup updates(Pass pass) {
    LoraAdapter adapter = pass.adapter();
    return adapter == null
        ? null
        : adapter.group(linears.stream().map(FrozenLinear::name).toList());
  }

  @Override
  public void close() {
    linears.forEach(FrozenLinear::close);
  }
}
