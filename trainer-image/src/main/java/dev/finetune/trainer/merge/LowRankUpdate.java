package dev.finetune.trainer.merge;

import org.jspecify.annotations.Nullable;

/**
 * The update of one weight, added row by row: {@code W + scaling left right}, and for DoRA {@code m
 * (W + scaling left right) / norm}, the norm that of each row.
 *
 * @param left (rows, rank): B, or A transposed where the weight is an embedding
 * @param right (rank, columns): A, or B transposed where the weight is an embedding
 * @param rank at least 1
 * @param scaling factor of the product
 * @param magnitude norm that each row gets (rows), or null for plain LoRA
 * @see <a href="https://arxiv.org/abs/2106.09685">LoRA, section 4.1</a>
 * @see <a href="https://arxiv.org/abs/2402.09353">DoRA, section 4.1</a>
 */
record LowRankUpdate(
    float[] left, float[] right, int rank, float scaling, float @Nullable [] magnitude) {
  /** Changes a row of the weight in place. */
  void apply(int row, float[] weights) {
    int columns = weights.length;
    for (int r = 0; r < rank; r++) {
      float factor = scaling * left[row * rank + r];
      int start = r * columns;
      for (int i = 0; i < columns; i++) {
        weights[i] += factor * right[start + i];
      }
    }
    if (magnitude != null) {
      rescale(weights, magnitude[row]);
    }
  }

  private static void rescale(float[] weights, float length) {
    double squares = 0;
    for (float weight : weights) {
      squares += (double) weight * weight;
    }
    float factor = (float) (length / Math.sqrt(squares));
    for (int i = 0; i < weights.length; i++) {
      weights[i] *= factor;
    }
  }

  static float[] transposed(float[] matrix, int rows, int columns) {
    float[] transposed = new float[matrix.length];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        transposed[column * rows + row] = matrix[row * columns + column];
      }
    }
    return transposed;
  }
}
