package dev.finetune.trainer.reference;

/**
 * Causal attention with grouped heads in double precision, by the book: a row of scores, its
 * softmax, a sum of values, and the derivative of that.
 *
 * @param heads query heads
 * @param repeat query heads that share a key and value head
 * @param size width of a head
 * @param offsets where each sequence begins, and where the last ends
 */
public record ReferenceAttention(int heads, int repeat, int size, long... offsets) {
  /** Gradients to queries, keys and values. */
  public record Gradients(double[] q, double[] k, double[] v) {}

  /**
   * Returns the output (T, heads, size) for queries of that shape and keys (T, heads / repeat,
   * size).
   */
  public double[] forward(double[] q, double[] k, double[] v) {
    double[] o = new double[q.length];
    for (int s = 0; s + 1 < offsets.length; s++) {
      for (int head = 0; head < heads; head++) {
        for (int i = (int) offsets[s]; i < offsets[s + 1]; i++) {
          double[] p = probabilities(q, k, (int) offsets[s], i, head);
          for (int j = 0; j < p.length; j++) {
            int source = key((int) offsets[s] + j, head);
            int target = query(i, head);
            for (int c = 0; c < size; c++) {
              o[target + c] += p[j] * v[source + c];
            }
          }
        }
      }
    }
    return o;
  }

  /** Returns the gradients for a gradient to the output. */
  public Gradients backward(double[] g, double[] q, double[] k, double[] v) {
    Gradients d = new Gradients(new double[q.length], new double[k.length], new double[v.length]);
    for (int s = 0; s + 1 < offsets.length; s++) {
      for (int head = 0; head < heads; head++) {
        for (int i = (int) offsets[s]; i < offsets[s + 1]; i++) {
          backward(d, g, q, k, v, (int) offsets[s], i, head);
        }
      }
    }
    return d;
  }

  private void backward(
      Gradients d, double[] g, double[] q, double[] k, double[] v, int start, int i, int head) {
    double[] p = probabilities(q, k, start, i, head);
    double[] dp = new double[p.length];
    double mean = 0;
    int query = query(i, head);
    for (int j = 0; j < p.length; j++) {
      dp[j] = dot(g, query, v, key(start + j, head));
      mean += p[j] * dp[j];
    }
    for (int j = 0; j < p.length; j++) {
      int key = key(start + j, head);
      double ds = p[j] * (dp[j] - mean) / Math.sqrt(size);
      for (int c = 0; c < size; c++) {
        d.v()[key + c] += p[j] * g[query + c];
        d.q()[query + c] += ds * k[key + c];
        d.k()[key + c] += ds * q[query + c];
      }
    }
  }

  private double[] probabilities(double[] q, double[] k, int start, int i, int head) {
    double[] p = new double[i - start + 1];
    double largest = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < p.length; j++) {
      p[j] = dot(q, query(i, head), k, key(start + j, head)) / Math.sqrt(size);
      largest = Math.max(largest, p[j]);
    }
    double sum = 0;
    for (int j = 0; j < p.length; j++) {
      p[j] = Math.exp(p[j] - largest);
      sum += p[j];
    }
    for (int j = 0; j < p.length; j++) {
      p[j] /= sum;
    }
    return p;
  }

  private double dot(double[] x, int xStart, double[] y, int yStart) {
    double sum = 0;
    for (int c = 0; c < size; c++) {
      sum += x[xStart + c] * y[yStart + c];
    }
    return sum;
  }

  private int query(int token, int head) {
    return (token * heads + head) * size;
  }

  private int key(int token, int head) {
    return (token * (heads / repeat) + head / repeat) * size;
  }
}
