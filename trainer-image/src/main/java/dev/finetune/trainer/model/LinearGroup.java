package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.LoraGroup;
import dev.finetune.trainer.lora.LoraMagnitude;
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
  /**
   * The outputs (T, out) and, if a layer has an update, the input of all updates after A (T, sum of
   * ranks).
   */
  record Outputs(Tensor[] y, @Nullable Tensor low) {}

  /** The input of updates: x with its mask applied, and the mask, or x itself and null. */
  private record Dropped(Tensor x, @Nullable Tensor mask) {}

  /**
   * Computes {@code y = W x + scaling B A dropout(x)} for each layer, or what {@link LoraMagnitude}
   * makes of it, and adds the bias.
   */
  Outputs forward(Scope scope, Tensor x, Pass pass) {
    LoraGroup updates = updates(pass);
    Tensor[] y = new Tensor[linears.size()];
    try (Scope temporary = new Scope()) {
      Dropped dropped = updates == null ? new Dropped(x, null) : dropped(temporary, x, pass);
      Tensor low = updates == null ? null : kernels.loraLow(scope, dropped.x(), updates.a());
      for (int i = 0; i < y.length; i++) {
        LoraGroup.Member member = updates == null ? null : updates.members().get(i);
        try (Scope product = new Scope()) {
          Tensor w = linears.get(i).weight().materialize(product);
          if (member == null || low == null) {
            y[i] = kernels.linear(scope, x, w);
          } else if (member.module().magnitude() == null) {
            y[i] = kernels.lora(scope, x, w, low, member.update());
          } else {
            y[i] = decomposed(scope, x, dropped, w, low, member, member.module().magnitude());
          }
          Tensor bias = linears.get(i).bias();
          if (bias != null) {
            kernels.accumulate(y[i], bias);
          }
        }
      }
      return new Outputs(y, low);
    }
  }

  /** The base product is of x, but of the dropped input where the magnitude changes it. */
  private Tensor decomposed(
      Scope scope,
      Tensor x,
      Dropped dropped,
      Tensor w,
      Tensor low,
      LoraGroup.Member member,
      LoraMagnitude magnitude) {
    if (magnitude.needsNorm()) {
      magnitude.normalize(w);
    }
    try (Scope temporary = new Scope()) {
      Tensor scale = magnitude.scale(temporary);
      if (dropped.mask() == null) {
        Tensor y = kernels.lora(scope, x, w, low, member.update());
        kernels.scaleColumns(y, scale);
        return y;
      }
      return kernels.dora(scope, x, dropped.x(), w, low, member.update(), scale);
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
    LoraGroup updates = updates(pass);
    if (updates == null || low == null) {
      return sumOfProducts(scope, g);
    }
    try (Scope temporary = new Scope()) {
      Dropped dropped = dropped(temporary, x, pass);
      Tensor[] scaled = scaled(temporary, updates, g, 0);
      Tensor up = accumulate(temporary, updates, g, scaled, dropped, low);
      if (dropped.mask() == null) {
        Tensor dx = sumOfProducts(scope, scaled);
        kernels.accumulateProduct(dx, up, updates.a());
        return dx;
      }
      Tensor dx = sumOfProducts(scope, g);
      Tensor updated = kernels.linearBackward(temporary, up, updates.a());
      Tensor[] more = scaled(temporary, updates, g, 1);
      for (int i = 0; i < g.length; i++) {
        if (more[i] != g[i]) {
          accumulateProduct(updated, more[i], i);
        }
      }
      kernels.accumulate(dx, kernels.dropout(temporary, updated, dropped.mask(), scale(pass)));
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
        Dropped dropped = dropped(temporary, x, pass);
        accumulate(temporary, updates, g, scaled(temporary, updates, g, 0), dropped, low);
      }
    }
  }

  /** Returns gradients times (m / norm - offset) where a layer has a magnitude. */
  private Tensor[] scaled(Scope scope, LoraGroup updates, Tensor[] g, double offset) {
    Tensor[] scaled = g.clone();
    for (int i = 0; i < g.length; i++) {
      LoraGroup.Member member = updates.members().get(i);
      if (member != null && member.module().magnitude() != null) {
        Tensor scale = member.module().magnitude().scale(scope);
        scaled[i] = kernels.scaledColumns(scope, g[i], scale, offset);
      }
    }
    return scaled;
  }

  /**
   * Adds the gradients of the updates and returns the gradient to their input after A (T, sum of
   * ranks).
   *
   * @param scaled gradients to {@code (W + scaling B A) x}
   */
  private Tensor accumulate(
      Scope scope, LoraGroup updates, Tensor[] g, Tensor[] scaled, Dropped dropped, Tensor low) {
    Tensor up = kernels.emptyLike(scope, low);
    for (int i = 0; i < g.length; i++) {
      LoraGroup.Member member = updates.members().get(i);
      if (member != null) {
        kernels.loraUp(up, scaled[i], low, member.update(), member.module().gradientB());
        if (member.module().magnitude() != null) {
          accumulateMagnitude(i, g[i], dropped.x(), low, member, member.module().magnitude());
        }
      }
    }
    kernels.accumulateGradient(updates.gradientA(), up, dropped.x());
    return up;
  }

  /** The direction's output is computed again: it would be one more (T, out) to keep. */
  private void accumulateMagnitude(
      int linear,
      Tensor g,
      Tensor dropped,
      Tensor low,
      LoraGroup.Member member,
      LoraMagnitude magnitude) {
    try (Scope temporary = new Scope()) {
      Tensor w = linears.get(linear).weight().materialize(temporary);
      magnitude.accumulate(g, kernels.lora(temporary, dropped, w, low, member.update()));
    }
  }

  private void accumulateProduct(Tensor sum, Tensor g, int linear) {
    try (Scope temporary = new Scope()) {
      Tensor w = linears.get(linear).weight().materialize(temporary);
      kernels.accumulateProduct(sum, g, w);
    }
  }

  /** Sets the magnitudes of the layers to the norms of their weights. */
  void initializeMagnitudes(LoraAdapter adapter) {
    for (FrozenLinear linear : linears) {
      LoraModule module = adapter.find(linear.name());
      if (module != null && module.magnitude() != null) {
        try (Scope temporary = new Scope()) {
          module.magnitude().setToNorm(linear.weight().materialize(temporary));
        }
      }
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

  private Dropped dropped(Scope scope, Tensor x, Pass pass) {
    Tensor mask = pass.mask(kernels, scope, layer, group, x.size(1));
    return new Dropped(mask == null ? x : kernels.dropout(scope, x, mask, scale(pass)), mask);
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
