package dev.finetune.trainer.lora;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * What an adapter trains.
 *
 * @param targets layers that get a low-rank update, in the order of the model
 * @param decomposed whether each of them has a magnitude, as in DoRA
 * @param whole shapes of the weights of modules that are trained whole, by name, in the order of
 *     the model
 */
public record AdapterShape(
    List<LoraTarget> targets, boolean decomposed, SequencedMap<String, List<Long>> whole) {
  /** Copies the collections. */
  public AdapterShape {
    targets = List.copyOf(targets);
    whole = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(whole));
  }

  /** Makes the shape of an adapter that trains no module whole. */
  public AdapterShape(List<LoraTarget> targets, boolean decomposed) {
    this(targets, decomposed, new LinkedHashMap<>());
  }

  /** Returns the shape of an adapter with one rank for all layers, scaled by alpha / rank. */
  public static AdapterShape of(List<LinearShape> targets, int rank, double alpha) {
    return new AdapterShape(
        targets.stream().map(shape -> new LoraTarget(shape, rank, alpha / rank)).toList(), false);
  }
}
