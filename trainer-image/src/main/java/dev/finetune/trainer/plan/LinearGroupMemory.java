package dev.finetune.trainer.plan;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Tiles;
import java.util.ArrayList;
import java.util.List;

/** Mirrors {@code LinearGroup} and {@code Nf4Weight.materialize}. */
final class LinearGroupMemory {
  private final Workload workload;
  private final ModelMemory model;
  private final Ledger ledger;
  private final ModelMemory.Linear[] linears;
  private final long element;

  LinearGroupMemory(
      Workload workload, ModelMemory model, Ledger ledger, ModelMemory.Linear[] linears) {
    this.workload = workload;
    this.model = model;
    this.ledger = ledger;
    this.linears = linears;
    this.element = workload.type().bytes();
  }

  /** What the forward pass returns; {@code low} has one element or none. */
  record Outputs(List<Ledger.Allocation> y, List<Ledger.Allocation> low) {}

  Outputs forward(Ledger.Scope scope, int layer, long tokens, boolean dropout) {
    List<Ledger.Allocation> low =
        ranks(layer) == 0 ? List.of() : List.of(low(scope, layer, tokens, dropout));
    List<Ledger.Allocation> y = new ArrayList<>();
    for (ModelMemory.Linear linear : linears) {
      try (Ledger.Scope product = ledger.scope()) {
        materialize(product, linear);
        y.add(scope.hold("tape: outputs of linear layers", tokens * linear.out() * element));
      }
    }
    return new Outputs(y, low);
  }

  private Ledger.Allocation low(Ledger.Scope scope, int layer, long tokens, boolean dropout) {
    try (Ledger.Scope temporary = ledger.scope()) {
      if (dropout) {
        mask(temporary, tokens);
        dropped(temporary, tokens);
      }
      return scope.hold("tape: inputs after A", tokens * ranks(layer) * element);
    }
  }

  Ledger.Allocation backward(Ledger.Scope scope, int layer, long tokens, boolean dropout) {
    try (Ledger.Scope temporary = ledger.scope()) {
      Ledger.Allocation dx = sumOfProducts(scope, tokens);
      if (ranks(layer) > 0) {
        if (dropout) {
          mask(temporary, tokens);
        }
        accumulate(temporary, layer, tokens, dropout);
        if (dropout) {
          temporary.hold("gradients", tokens * linears[0].in() * element);
          dropped(temporary, tokens);
        }
      }
      return dx;
    }
  }

  private void accumulate(Ledger.Scope scope, int layer, long tokens, boolean dropout) {
    long ranks = ranks(layer);
    scope.hold("gradients", tokens * ranks * element);
    for (ModelMemory.Linear linear : linears) {
      ledger.run("lora_up", narrow(linear.out() * model.rank(layer, linear)));
    }
    if (dropout) {
      dropped(scope, tokens);
    }
    ledger.run("accumulate_gradient", narrow(ranks * linears[0].in()));
  }

  /** In bfloat16 a gradient of the adapter is made before it is added. */
  private long narrow(long elements) {
    return workload.type() == ElementType.BF16 ? elements * element : 0;
  }

  private Ledger.Allocation sumOfProducts(Ledger.Scope scope, long tokens) {
    Ledger.Allocation sum = null;
    for (ModelMemory.Linear linear : linears) {
      try (Ledger.Scope product = ledger.scope()) {
        materialize(product, linear);
        if (sum == null) {
          sum = scope.hold("gradients", tokens * linear.in() * element);
        } else {
          product.hold("gradients", tokens * linear.in() * element);
        }
      }
    }
    if (sum == null) {
      throw new IllegalStateException("a group has at least one layer");
    }
    return sum;
  }

  private long ranks(int layer) {
    long sum = 0;
    for (ModelMemory.Linear linear : linears) {
      sum += model.rank(layer, linear);
    }
    return sum;
  }

  private void mask(Ledger.Scope scope, long tokens) {
    scope.hold("dropout masks", tokens * linears[0].in());
  }

  private void dropped(Ledger.Scope scope, long tokens) {
    long bytes = tokens * linears[0].in() * element;
    scope.within("inputs after dropout", bytes, bytes);
  }

  /** Mirrors {@code FrozenWeight.materialize}. */
  private void materialize(Ledger.Scope target, ModelMemory.Linear linear) {
    Quantization quantization = workload.quantization();
    if (quantization == null) {
      return;
    }
    try (Ledger.Scope temporary = ledger.scope()) {
      if (quantization.doubleQuantization()) {
        long scales = model.paddedScales(linear) * Float.BYTES;
        temporary.within("absmax of one weight", scales, scales);
      }
      nf4(target, linear);
    }
  }

  /** The kernel {@code nf4}: a tile at a time is looked up in fp32 and scaled. */
  private void nf4(Ledger.Scope target, ModelMemory.Linear linear) {
    long padded = model.paddedElements(linear);
    long tile = Math.min(padded, Tiles.NUMBERS);
    target.within("dequantized weight", padded * element, tile * (1 + 2 * Float.BYTES));
  }
}
