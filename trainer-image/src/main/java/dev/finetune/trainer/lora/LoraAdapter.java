package dev.finetune.trainer.lora;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.random.CounterRandom;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * All that is trained: for each targeted linear layer two matrices, {@code y = W x + (alpha / rank)
 * B A x}. Parameters and gradients are one flat {@code F32} tensor each, so that clipping, the
 * optimizer and a checkpoint see one buffer; modules are views into it.
 *
 * <p>It stands beside the model and is no part of it: a pass takes an adapter, or none.
 *
 * @see <a href="https://arxiv.org/abs/2106.09685">LoRA, section 4.1</a>
 */
public final class LoraAdapter implements AutoCloseable {
  /** Modules begin at multiples of this many elements: 64 bytes, in bfloat16 too. */
  private static final long ALIGNMENT = 32;

  private final Kernels kernels;
  private final int rank;
  private final double scaling;
  private final SequencedMap<String, Place> places = new LinkedHashMap<>();
  private final Map<String, LoraModule> modules = new LinkedHashMap<>();
  private final Scope scope = new Scope();
  private final long size;
  private final Tensor parameters;
  private final Tensor gradients;
  private final Tensor working;

  /** Where the two matrices of a module lie in the flat tensors. */
  private record Place(LinearShape shape, long a, long b) {}

  /**
   * Makes an adapter whose matrices are all zero.
   *
   * @param targets layers that get an update, in the order of the flat tensors
   * @param rank at least 1
   * @param alpha the update is scaled by alpha / rank
   */
  public LoraAdapter(Kernels kernels, List<LinearShape> targets, int rank, double alpha) {
    this.kernels = kernels;
    this.rank = rank;
    this.scaling = alpha / rank;
    long end = 0;
    for (LinearShape target : targets) {
      long a = end;
      long b = align(a + rank * target.in());
      end = align(b + target.out() * rank);
      places.put(target.name(), new Place(target, a, b));
    }
    size = end;
    parameters = kernels.engine().zeros(scope, size);
    gradients = kernels.engine().zeros(scope, size);
    working =
        kernels.type() == ElementType.F32 ? parameters : kernels.toActivations(scope, parameters);
    places.forEach((name, place) -> modules.put(name, module(place)));
  }

  private static long align(long elements) {
    return (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private LoraModule module(Place place) {
    LinearShape shape = place.shape();
    return new LoraModule(
        shape.name(),
        kernels.view(scope, working, place.a(), rank, shape.in()),
        kernels.view(scope, working, place.b(), shape.out(), rank),
        kernels.view(scope, gradients, place.a(), rank, shape.in()),
        kernels.view(scope, gradients, place.b(), shape.out(), rank),
        scaling);
  }

  /**
   * Draws A from the uniform distribution on (-1 / sqrt(in), 1 / sqrt(in)), which is Kaiming's with
   * a = sqrt(5), and leaves B zero, as PEFT does. Each number is a function of seed, module and
   * place alone.
   */
  public void initialize(long seed) {
    float[] flat = new float[Math.toIntExact(size)];
    for (Place place : places.values()) {
      double bound = 1 / Math.sqrt(place.shape().in());
      long key = CounterRandom.key(seed, nameKey(place.shape().name()));
      int start = Math.toIntExact(place.a());
      int count = Math.toIntExact(rank * place.shape().in());
      for (int i = 0; i < count; i++) {
        flat[start + i] = (float) ((2 * CounterRandom.uniform(key, i) - 1) * bound);
      }
    }
    setParameters(flat);
  }

  private static long nameKey(String name) {
    CRC32C crc = new CRC32C();
    crc.update(name.getBytes(StandardCharsets.UTF_8));
    return crc.getValue();
  }

  /**
   * Sets the matrices by PEFT's names without the prefix, such as {@code
   * model.layers.0.self_attn.q_proj.lora_A.weight}.
   *
   * @throws IllegalArgumentException if one is missing or of another size
   */
  public void setTensors(Map<String, float[]> tensors) {
    float[] flat = new float[Math.toIntExact(size)];
    places.forEach(
        (name, place) -> {
          put(flat, place.a(), tensors, nameOfA(name), rank * place.shape().in());
          put(flat, place.b(), tensors, nameOfB(name), place.shape().out() * rank);
        });
    setParameters(flat);
  }

  private static void put(
      float[] flat, long place, Map<String, float[]> tensors, String name, long count) {
    float[] values = tensors.get(name);
    if (values == null || values.length != count) {
      throw new IllegalArgumentException(
          name
              + ": expected "
              + count
              + " numbers, found "
              + (values == null ? "no such tensor" : values.length));
    }
    System.arraycopy(values, 0, flat, Math.toIntExact(place), values.length);
  }

  /** A matrix with its shape. */
  public record Matrix(long[] shape, float[] values) {}

  /** Returns the matrices by PEFT's names without the prefix, in the order of the modules. */
  public SequencedMap<String, Matrix> tensors() {
    return tensorsOf(parameters.toFloats());
  }

  /** Returns the gradients by the same names. */
  public SequencedMap<String, Matrix> gradientTensors() {
    return tensorsOf(gradients.toFloats());
  }

  /** Cuts a flat array that is laid out as the parameters into matrices by PEFT's names. */
  public SequencedMap<String, Matrix> tensorsOf(float[] flat) {
    SequencedMap<String, Matrix> tensors = new LinkedHashMap<>();
    places.forEach(
        (name, place) -> {
          LinearShape shape = place.shape();
          tensors.put(nameOfA(name), matrix(flat, place.a(), rank, shape.in()));
          tensors.put(nameOfB(name), matrix(flat, place.b(), shape.out(), rank));
        });
    return tensors;
  }

  private static Matrix matrix(float[] flat, long place, long rows, long columns) {
    int start = Math.toIntExact(place);
    int end = Math.toIntExact(place + rows * columns);
    return new Matrix(new long[] {rows, columns}, Arrays.copyOfRange(flat, start, end));
  }

  private static String nameOfA(String module) {
    return module + ".lora_A.weight";
  }

  private static String nameOfB(String module) {
    return module + ".lora_B.weight";
  }

  /** Returns the trained tensors in the order of the flat tensors, which they fill but for gaps. */
  public List<ParameterSection> sections() {
    List<ParameterSection> sections = new ArrayList<>();
    places.forEach(
        (name, place) -> {
          LinearShape shape = place.shape();
          sections.add(
              new ParameterSection(
                  nameOfA(name), ParameterSection.Kind.A, place.a(), rank, shape.in()));
          sections.add(
              new ParameterSection(
                  nameOfB(name), ParameterSection.Kind.B, place.b(), shape.out(), rank));
        });
    return List.copyOf(sections);
  }

  /** Overwrites all parameters, laid out as {@link #parameters}. */
  public void setParameters(float[] flat) {
    ByteBuffer buffer =
        ByteBuffer.allocateDirect(Math.multiplyExact(flat.length, Float.BYTES))
            .order(ByteOrder.nativeOrder());
    buffer.asFloatBuffer().put(flat);
    kernels.engine().set(parameters, buffer);
    parametersChanged();
  }

  /** Brings the copy that products use up to date; called after each change of the parameters. */
  public void parametersChanged() {
    if (working != parameters) {
      kernels.overwrite(working, parameters);
    }
  }

  /** Returns the update of a layer, or null if it has none. */
  public @Nullable LoraModule find(String linear) {
    return modules.get(linear);
  }

  /** Returns the flat parameters, {@code F32}; owned by the adapter. */
  public Tensor parameters() {
    return parameters;
  }

  /** Returns the flat gradients, {@code F32}; owned by the adapter. */
  public Tensor gradients() {
    return gradients;
  }

  /** Sets all gradients to zero. */
  public void clearGradients() {
    kernels.fill(gradients, 0);
  }

  /** Returns the number of trained parameters. */
  public long parameterCount() {
    return places.values().stream().mapToLong(p -> rank * (p.shape().in() + p.shape().out())).sum();
  }

  @Override
  public void close() {
    scope.close();
  }
}
