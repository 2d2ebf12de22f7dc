package dev.finetune.trainer.lora;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.util.HashMap;
import java.util.Map;

/**
 * PiSSA: an adapter begins as the principal singular vectors of each weight, and the base model
 * keeps the rest. With {@code W = U S V'}, {@code A = sqrt(S / s) V'} and {@code B = U sqrt(S / s)}
 * of the largest {@code rank} singular values, s being the factor of the update.
 *
 * <p>The rest is not stored with the adapter: whoever loads it computes the decomposition of the
 * base weight again, as PEFT does. The same processor, library and number of threads give the same
 * bits.
 *
 * @see <a href="https://arxiv.org/abs/2404.02948">PiSSA, section 3</a>
 */
public final class PrincipalComponents {
  private final Kernels kernels;
  private final Map<String, LoraTarget> targets = new HashMap<>();
  private final Map<String, float[]> matrices = new HashMap<>();

  /** Makes one for the layers of an adapter. */
  public PrincipalComponents(Kernels kernels, AdapterShape shape) {
    this.kernels = kernels;
    shape.targets().forEach(target -> targets.put(target.shape().name(), target));
  }

  /**
   * Takes the principal components out of a weight, and keeps them.
   *
   * @param scope owner of the result
   * @param linear name of the layer
   * @param weight its weight (out, in), {@code F32}
   * @return the rest, or {@code weight} itself if the layer has no update
   */
  public Tensor rest(Scope scope, String linear, Tensor weight) {
    LoraTarget target = targets.get(linear);
    if (target == null) {
      return weight;
    }
    try (Scope temporary = new Scope()) {
      Kernels.Components parts =
          kernels.principalComponents(temporary, weight, target.rank(), target.scaling());
      matrices.put(AdapterLayout.nameOfA(target), parts.a().toFloats());
      matrices.put(AdapterLayout.nameOfB(target), parts.b().toFloats());
      return scope.own(temporary.release(parts.rest()));
    }
  }

  /** Returns A and B of the weights seen so far, by PEFT's names without the prefix. */
  public Map<String, float[]> matrices() {
    return Map.copyOf(matrices);
  }
}
