package dev.finetune.trainer.lora;

import java.util.List;

/**
 * What an adapter trains.
 *
 * @param targets layers that get a low-rank update, in the order of the model
 * @param decomposed whether each of them has a magnitude, as in DoRA
 */
public record AdapterShape(List<LoraTarget> targets, boolean decomposed) {
  /** Copies the list. */
  public AdapterShape {
    targets = List.copyOf(targets);
  }

  /** Returns the shape of an adapter with one rank for all layers, scaled by alpha / rank. */
  public static AdapterShape of(List<LinearShape> targets, int rank, double alpha) {
    return new AdapterShape(
        targets.stream().map(shape -> new LoraTarget(shape, rank, alpha / rank)).toList(), false);
  }
}
