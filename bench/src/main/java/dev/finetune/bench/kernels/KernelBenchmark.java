package dev.finetune.bench.kernels;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.quant.Nf4Table;
import dev.finetune.trainer.quant.Nf4Weight;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One call of each kernel at the shapes of SmolLM2-135M: 576 wide, 1536 within the MLP, 9 heads of
 * 64 that share 3 heads of keys, a vocabulary of 49,152; rank 16. All tokens are one sequence, and
 * the loss is taken at each.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(org.openjdk.jmh.annotations.Scope.Thread)
@SuppressWarnings("NullAway.Init") // JMH calls setUp before anything else.
public class KernelBenchmark {
  private static final int HIDDEN = 576;
  private static final int INTERMEDIATE = 1536;
  private static final int HEADS = 9;
  private static final int KEY_VALUE_HEADS = 3;
  private static final int HEAD_SIZE = 64;
  private static final int VOCABULARY = 49_152;
  private static final int RANK = 16;
  private static final double SCALING = 2;
  private static final double EPSILON = 1e-5;
  private static final Quantization DOUBLE = new Quantization(QuantizationType.NF4, 64, true);

  /** Type of activations and products. */
  @Param({"fp32", "bf16"})
  private String precision = "";

  /** Tokens of the micro-batch. */
  @Param({"64", "128", "256", "512", "1024"})
  private int tokens;

  /** Threads within an operation. */
  @Param("2")
  private int threads;

  private RandomTensors random;
  private Kernels kernels;
  private Nf4Table table;
  private Nf4Weight quantized;
  private CausalCrossEntropy loss;
  private Kernels.LowRank update;
  private long[] offsets;
  private long[] rows;
  private long[] labels;
  private Tensor hidden;
  private Tensor inner;
  private Tensor inner2;
  private Tensor weight;
  private Tensor a;
  private Tensor gradientA;
  private Tensor gradientB;
  private Tensor low;
  private Tensor into;
  private Tensor norm;
  private Tensor inverse;
  private Tensor q;
  private Tensor k;
  private Tensor v;

  /** Makes all inputs. */
  @Setup
  public void setUp() {
    random = new RandomTensors(precision, threads);
    kernels = random.kernels();
    table = new Nf4Table(kernels.engine());
    quantized =
        Nf4Weight.builder(kernels, table, INTERMEDIATE, HIDDEN, DOUBLE)
            .add(random.numbers(INTERMEDIATE, HIDDEN), INTERMEDIATE * HIDDEN)
            .build();
    hidden = random.activations(tokens, HIDDEN);
    inner = random.activations(tokens, INTERMEDIATE);
    inner2 = random.activations(tokens, INTERMEDIATE);
    weight = random.activations(INTERMEDIATE, HIDDEN);
    a = random.activations(RANK, HIDDEN);
    update = new Kernels.LowRank(0, RANK, random.activations(INTERMEDIATE, RANK), SCALING);
    gradientA = random.floats(RANK, HIDDEN);
    gradientB = random.floats(INTERMEDIATE, RANK);
    low = random.activations(tokens, RANK);
    into = random.activations(tokens, HIDDEN);
    norm = random.floats(HIDDEN);
    inverse = kernels.rmsNorm(random.scope(), hidden, norm, EPSILON).inverse();
    q = random.activations(tokens, HEADS, HEAD_SIZE);
    k = random.activations(tokens, KEY_VALUE_HEADS, HEAD_SIZE);
    v = random.activations(tokens, KEY_VALUE_HEADS, HEAD_SIZE);
    offsets = new long[] {0, tokens};
    rows = LongStream.range(0, tokens).toArray();
    labels = LongStream.range(0, tokens).map(i -> i * 31 % VOCABULARY).toArray();
    loss = new CausalCrossEntropy(kernels, norm, EPSILON, random.activations(VOCABULARY, HIDDEN));
  }

  /** Lets go of them. */
  @TearDown
  public void tearDown() {
    quantized.close();
    table.close();
    random.close();
  }

  /** NF4 with double quantization to the type of activations, 1536 x 576; tokens do not matter. */
  @Benchmark
  public void nf4Dequantization() {
    try (Scope scope = new Scope()) {
      quantized.materialize(scope);
    }
  }

  /** A frozen layer 576 to 1536. */
  @Benchmark
  public void linearForward() {
    try (Scope scope = new Scope()) {
      kernels.linear(scope, hidden, weight);
    }
  }

  /** The gradient to the input of the same layer. */
  @Benchmark
  public void linearBackward() {
    try (Scope scope = new Scope()) {
      kernels.linearBackward(scope, inner, weight);
    }
  }

  /** The same layer with its update. */
  @Benchmark
  public void loraForward() {
    try (Scope scope = new Scope()) {
      kernels.lora(scope, hidden, weight, kernels.loraLow(scope, hidden, a), update);
    }
  }

  /** The gradients to its input, A and B. */
  @Benchmark
  public void loraBackward() {
    try (Scope scope = new Scope()) {
      Tensor dx = kernels.linearBackward(scope, inner, weight);
      Tensor up = kernels.emptyLike(scope, low);
      kernels.loraUp(up, inner, low, update, gradientB);
      kernels.accumulateGradient(gradientA, up, hidden);
      kernels.accumulateProduct(dx, up, a);
    }
  }

  /** Causal attention of one sequence. */
  @Benchmark
  public void attentionForward() {
    try (Scope scope = new Scope()) {
      kernels.attention(scope, q, k, v, offsets);
    }
  }

  /** Its gradients to queries, keys and values. */
  @Benchmark
  public void attentionBackward() {
    try (Scope scope = new Scope()) {
      kernels.attentionBackward(scope, q, q, k, v, offsets);
    }
  }

  /** RMS norm over 576. */
  @Benchmark
  public void rmsNormForward() {
    try (Scope scope = new Scope()) {
      kernels.rmsNorm(scope, hidden, norm, EPSILON);
    }
  }

  /** Its gradient to the input, added to that of the residual stream. */
  @Benchmark
  public void rmsNormBackward() {
    try (Scope scope = new Scope()) {
      kernels.rmsNormBackward(scope, into, hidden, hidden, inverse, norm);
    }
  }

  /** SwiGLU over 1536. */
  @Benchmark
  public void swigluForward() {
    try (Scope scope = new Scope()) {
      kernels.swiglu(scope, inner, inner2);
    }
  }

  /** Its gradients to gate and up. */
  @Benchmark
  public void swigluBackward() {
    try (Scope scope = new Scope()) {
      kernels.swigluBackward(scope, inner, inner, inner2);
    }
  }

  /** The last norm, the head and the loss at every token. */
  @Benchmark
  public float[] lossForward() {
    return loss.negativeLogLikelihoods(hidden, rows, labels);
  }

  /** The same with the gradient to the hidden states, which comes out of one pass. */
  @Benchmark
  public float[] lossForwardAndBackward() {
    try (Scope scope = new Scope()) {
      return loss.withGradient(scope, hidden, rows, labels, 1.0 / tokens).terms();
    }
  }
}
