package dev.finetune.trainer.lora;

import java.util.List;

/**
 * What an adapter trains.
 *
 * @param targets layers that get a low-rank update, in the order of the model
 */
public record AdapterShape(List<LoraTarget> targets) {
  /** Copies the list. */
  public AdapterShape {
    targets = List.copyOf(targets);
  }

  /** Returns the shape of an adapter with one rank for all layers, scaled by alpha / rank. */
  public static AdapterShape of(List<LinearShape> targets, int rank, double alpha) {
    return new AdapterShape(
        targets.stream().map(shape -> new LoraTarget(shape, rank, alpha / rank)).toList());
  }
}
