package dev.finetune.trainer.reference;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A decoder of the Llama architecture with low-rank updates, forward only, in double precision and
 * one sequence at a time: what the trainer's packed passes are compared with, and what finite
 * differences are taken of.
 *
 * @param config shape of the model; its rotary frequencies are not scaled
 * @param weights base weights by name, in row-major order
 * @param rank rank of every update
 * @param scaling factor of every update
 * @param variation what a training pass does to its inputs
 */
public record ReferenceDecoder(
    ModelConfig config,
    Function<String, double[]> weights,
    int rank,
    double scaling,
    Variation variation) {
  /** What a training pass does to its inputs. */
  public interface Variation {
    /** A pass that changes nothing. */
    Variation NONE =
        new Variation() {
          @Override
          public double[] updateInputs(
              Example example, int layer, int group, int width, double[] x) {
            return x;
          }
        };

    /** Returns the inputs of the updates of a module group (tokens, width), after dropout. */
    double[] updateInputs(Example example, int layer, int group, int width, double[] x);

    /** Returns the embeddings of a sequence (tokens, hidden), with noise. */
    default double[] embeddings(Example example, double[] x) {
      return x;
    }
  }

  /** The loss at a place: a function of its logits and its label. */
  @FunctionalInterface
  public interface PlaceLoss {
    /** Computes it. */
    double of(double[] logits, int label);
  }

  /** Returns the negative log-likelihood of a label. */
  public static double negativeLogLikelihood(double[] logits, int label) {
    double largest = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      largest = Math.max(largest, logit);
    }
    double sum = 0;
    for (double logit : logits) {
      sum += Math.exp(logit - largest);
    }
    return largest + Math.log(sum) - logits[label];
  }

  /**
   * Returns the sum of the loss over all supervised places.
   *
   * @param adapter matrices by PEFT's names without the prefix
   */
  public double loss(List<Example> examples, Map<String, double[]> adapter, PlaceLoss loss) {
    double sum = 0;
    int hidden = config.hiddenSize();
    double[] norm = weights.apply("model.norm.weight");
    double[] head =
        weights.apply(config.tiedEmbeddings() ? "model.embed_tokens.weight" : "lm_head.weight");
    for (Example example : examples) {
      double[] x = normalized(states(example, adapter), norm);
      double[] logits = product(x, head, hidden, config.vocabularySize());
      for (int i = 0; i + 1 < example.labels().length; i++) {
        int label = example.labels()[i + 1];
        if (label != Example.NOT_SUPERVISED) {
          double[] row = new double[config.vocabularySize()];
          System.arraycopy(logits, i * row.length, row, 0, row.length);
          sum += loss.of(row, label);
        }
      }
    }
    return sum;
  }

  private double[] states(Example example, Map<String, double[]> adapter) {
    int hidden = config.hiddenSize();
    double[] table = weights.apply("model.embed_tokens.weight");
    double[] x = new double[example.inputIds().length * hidden];
    for (int i = 0; i < example.inputIds().length; i++) {
      System.arraycopy(table, example.inputIds()[i] * hidden, x, i * hidden, hidden);
    }
    x = variation.embeddings(example, x);
    for (int layer = 0; layer < config.layers(); layer++) {
      x = new Block(example, layer, adapter).forward(x);
    }
    return x;
  }

  private final class Block {
    private final Example example;
    private final int layer;
    private final Map<String, double[]> adapter;

    Block(Example example, int layer, Map<String, double[]> adapter) {
      this.example = example;
      this.layer = layer;
      this.adapter = adapter;
    }

    double[] forward(double[] x) {
      int heads = config.attentionHeads();
      int keyValueHeads = config.keyValueHeads();
      double[] h = normalized(x, weight("input_layernorm"));
      double[] q = rotated(linear(h, 0, "self_attn.q_proj"), heads);
      double[] k = rotated(linear(h, 0, "self_attn.k_proj"), keyValueHeads);
      double[] v = linear(h, 0, "self_attn.v_proj");
      double[] attended =
          new ReferenceAttention(
                  heads, heads / keyValueHeads, config.headSize(), 0, example.inputIds().length)
              .forward(q, k, v);
      double[] x2 = sum(x, linear(attended, 1, "self_attn.o_proj"));
      double[] h2 = normalized(x2, weight("post_attention_layernorm"));
      double[] gate = linear(h2, 2, "mlp.gate_proj");
      double[] up = linear(h2, 2, "mlp.up_proj");
      double[] product = new double[gate.length];
      for (int i = 0; i < product.length; i++) {
        product[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
      }
      return sum(x2, linear(product, 3, "mlp.down_proj"));
    }

    private double[] linear(double[] x, int group, String module) {
      int in = x.length / example.inputIds().length;
      double[] w = weight(module);
      int out = w.length / in;
      double[] y = product(x, w, in, out);
      String name = "model.layers." + layer + "." + module;
      double[] a = adapter.get(name + ".lora_A.weight");
      double[] b = adapter.get(name + ".lora_B.weight");
      if (a == null || b == null) {
        return y;
      }
      double[] d = variation.updateInputs(example, layer, group, in, x);
      double[] update = product(product(d, a, in, rank), b, rank, out);
      for (int i = 0; i < y.length; i++) {
        y[i] += scaling * update[i];
      }
      return y;
    }

    private double[] weight(String module) {
      return weights.apply("model.layers." + layer + "." + module + ".weight");
    }
  }

  private double[] normalized(double[] x, double[] weight) {
    int width = weight.length;
    double[] y = new double[x.length];
    for (int start = 0; start < x.length; start += width) {
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += x[start + i] * x[start + i];
      }
      double root = Math.sqrt(squares / width + config.rmsNormEpsilon());
      for (int i = 0; i < width; i++) {
        y[start + i] = x[start + i] / root * weight[i];
      }
    }
    return y;
  }

  /** Rotates pairs by angles in 32 bits, as transformers and the trainer have them. */
  private double[] rotated(double[] x, int heads) {
    int size = config.headSize();
    int half = size / 2;
    double[] y = new double[x.length];
    for (int start = 0; start < x.length; start += size) {
      int position = start / size / heads;
      for (int i = 0; i < half; i++) {
        float exponent = 2f * i / size;
        float angle = position * (1f / (float) Math.pow(config.ropeTheta(), exponent));
        double cos = Math.cos(angle);
        double sin = Math.sin(angle);
        y[start + i] = x[start + i] * cos - x[start + half + i] * sin;
        y[start + half + i] = x[start + half + i] * cos + x[start + i] * sin;
      }
    }
    return y;
  }

  private static double[] sum(double[] x, double[] y) {
    double[] sum = x.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += y[i];
    }
    return sum;
  }

  private static double[] product(double[] x, double[] w, int in, int out) {
    int rows = x.length / in;
    double[] y = new double[rows * out];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < out; c++) {
        double sum = 0;
        for (int i = 0; i < in; i++) {
          sum += x[r * in + i] * w[c * in + i];
        }
        y[r * out + c] = sum;
      }
    }
    return y;
  }
}
