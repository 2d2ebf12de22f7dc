package dev.finetune.trainer.plan;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.engine.ElementType;
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
    boolean updates = ranks(layer) > 0;
    List<Ledger.Allocation> y = new ArrayList<>();
    List<Ledger.Allocation> low = new ArrayList<>();
    try (Ledger.Scope temporary = ledger.scope()) {
      if (updates) {
        dropped(temporary, tokens, dropout);
        low.add(scope.hold("tape: inputs after A", tokens * ranks(layer) * element));
      }
      for (ModelMemory.Linear linear : linears) {
        long out = tokens * linear.out() * element;
        try (Ledger.Scope product = ledger.scope()) {
          materialize(product, linear);
          y.add(scope.hold("tape: outputs of linear layers", out));
          if (decomposed(layer, linear)) {
            product.within("magnitudes", linear.out() * Float.BYTES, dropout ? 3 * out : 0);
          }
        }
      }
    }
    return new Outputs(y, low);
  }

  Ledger.Allocation backward(Ledger.Scope scope, int layer, long tokens, boolean dropout) {
    if (ranks(layer) == 0) {
      return sumOfProducts(scope, tokens);
    }
    try (Ledger.Scope temporary = ledger.scope()) {
      dropped(temporary, tokens, dropout);
      scaled(temporary, layer, tokens);
      accumulate(temporary, layer, tokens);
      Ledger.Allocation dx = sumOfProducts(scope, tokens);
      if (dropout) {
        long input = tokens * linears[0].in() * element;
        temporary.hold("gradients", input);
        scaled(temporary, layer, tokens);
        for (ModelMemory.Linear linear : linears) {
          if (decomposed(layer, linear)) {
            product(linear, 0);
          }
        }
        temporary.within("inputs after dropout", input, input);
      }
      return dx;
    }
  }

  private boolean decomposed(int layer, ModelMemory.Linear linear) {
    return workload.adapter().decomposed() && model.rank(layer, linear) > 0;
  }

  /** Gradients times their layer's magnitude over the norm of its direction. */
  private void scaled(Ledger.Scope scope, int layer, long tokens) {
    for (ModelMemory.Linear linear : linears) {
      if (decomposed(layer, linear)) {
        long wide = tokens * linear.out() * Float.BYTES;
        scope.hold("magnitudes", linear.out() * Float.BYTES);
        scope.within("gradients", tokens * linear.out() * element, wide);
      }
    }
  }

  private void accumulate(Ledger.Scope scope, int layer, long tokens) {
    scope.hold("gradients", tokens * ranks(layer) * element);
    for (ModelMemory.Linear linear : linears) {
      ledger.run("lora_up", narrow(linear.out() * model.rank(layer, linear)));
      if (decomposed(layer, linear)) {
        product(linear, tokens * linear.out() * element);
      }
    }
    ledger.run("accumulate_gradient", narrow(ranks(layer) * linears[0].in()));
  }

  private void product(ModelMemory.Linear linear, long result) {
    try (Ledger.Scope temporary = ledger.scope()) {
      materialize(temporary, linear);
      temporary.hold("outputs of directions", result);
    }
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

  private void dropped(Ledger.Scope scope, long tokens, boolean dropout) {
    if (dropout) {
      long input = tokens * linears[0].in();
      scope.hold("dropout masks", input);
      scope.within("inputs after dropout", input * element, input * element);
    }
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

  /** The kernel {@code nf4}: codes are looked up as fp32, then converted. */
  private void nf4(Ledger.Scope target, ModelMemory.Linear linear) {
    long padded = model.paddedElements(linear);
    if (workload.type() == ElementType.F32) {
      target.within("dequantized weight", padded * Float.BYTES, padded);
    } else {
      target.within(
          "dequantized weight", linear.in() * linear.out() * element, padded * Float.BYTES);
    }
  }
}
