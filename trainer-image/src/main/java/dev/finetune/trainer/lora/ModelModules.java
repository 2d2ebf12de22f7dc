package dev.finetune.trainer.lora;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * The modules of a model that have a weight, by name.
 *
 * @param linears the linear layers of the blocks, in the order of the forward pass; those that
 *     share an input follow each other
 * @param others shapes of the weights of all other modules that can be trained: embedding, norms
 *     and output layer; of GPT-2 none but an output layer
 * @param layers number of blocks
 */
public record ModelModules(
    List<LinearShape> linears, SequencedMap<String, long[]> others, int layers) {
  private static final String WEIGHT = ".weight";
  private static final List<String> BLOCKS = List.of("model.layers.", "transformer.h.");

  /** Where only linear layers can be adapted. */
  private static final String GPT2 = "transformer.";

  /** Name of the embedding. */
  public static final String EMBEDDING = "model.embed_tokens";

  /** Name of the output layer. */
  public static final String HEAD = "lm_head";

  /** Name of the head of a classifier. */
  public static final String SCORE = "score";

  /** End of the name of what is trained whole and is no weight. */
  static final String BIAS = ".bias";

  /** Name of the bias of the head of a classifier. */
  public static final String SCORE_BIAS = SCORE + BIAS;

  /**
   * Sorts the weights of a model.
   *
   * @param weights shapes by name, such as {@code model.layers.0.self_attn.q_proj.weight}, in the
   *     order of the forward pass
   */
  public static ModelModules of(SequencedMap<String, long[]> weights, int layers) {
    List<LinearShape> linears = new ArrayList<>();
    SequencedMap<String, long[]> others = new LinkedHashMap<>();
    for (Map.Entry<String, long[]> weight : weights.entrySet()) {
      String name = weight.getKey();
      if (!name.endsWith(WEIGHT)) {
        continue;
      }
      String module = name.substring(0, name.length() - WEIGHT.length());
      long[] shape = weight.getValue();
      if (shape.length == 2 && BLOCKS.stream().anyMatch(module::startsWith)) {
        linears.add(new LinearShape(module, shape[1], shape[0]));
      } else if (!module.startsWith(GPT2)) {
        others.put(module, shape.clone());
      }
    }
    return new ModelModules(List.copyOf(linears), others, layers);
  }

  /**
   * Returns the modules of a classifier: {@code score} in place of the output layer.
   *
   * @param outputs outputs of the head
   * @param bias whether the head has a bias, as those of words have in transformers
   */
  public ModelModules classifier(int outputs, boolean bias) {
    SequencedMap<String, long[]> changed = new LinkedHashMap<>(others);
    long[] embedding = changed.get(EMBEDDING);
    if (embedding == null) {
      throw new IllegalArgumentException("expected a model with an embedding");
    }
    changed.remove(HEAD);
    changed.put(SCORE, new long[] {outputs, embedding[1]});
    if (bias) {
      changed.put(SCORE_BIAS, new long[] {outputs});
    }
    return new ModelModules(linears, changed, layers);
  }

  /** Returns whether these are the modules of a classifier. */
  public boolean classifies() {
    return others.containsKey(SCORE);
  }

  /** Returns whether the output layer is the embedding, and has no weight of its own. */
  public boolean tied() {
    return !others.containsKey(HEAD) && !classifies();
  }

  /** Returns the names of all layers that can have a low-rank update. */
  public List<String> adaptableNames() {
    List<String> names = new ArrayList<>(List.of(EMBEDDING));
    names.addAll(linearNames());
    names.add(HEAD);
    return List.copyOf(names);
  }

  /** Returns the names of the linear layers of the blocks. */
  public List<String> linearNames() {
    return linears.stream().map(LinearShape::name).toList();
  }
}
