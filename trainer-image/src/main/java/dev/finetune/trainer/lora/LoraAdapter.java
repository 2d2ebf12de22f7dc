package dev.finetune.trainer.lora;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.random.CounterRandom;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * All that is trained: for each targeted linear layer two matrices, {@code y = W x + scaling B A
 * x}, perhaps its magnitude, and copies of modules that are trained whole. Parameters and gradients
 * are one flat {@code F32} tensor each, so that clipping, the optimizer and a checkpoint see one
 * buffer; modules are views into it.
 *
 * <p>It stands beside the model and is no part of it: a pass takes an adapter, or none.
 *
 * @see <a href="https://arxiv.org/abs/2106.09685">LoRA, section 4.1</a>
 */
public final class LoraAdapter implements AutoCloseable {
  private static final double SCORE_DEVIATION = 0.02;

  private final Kernels kernels;
  private final AdapterShape shape;
  private final AdapterLayout layout;
  private final Map<String, ParameterSection> sections = new LinkedHashMap<>();
  private final Map<String, LoraModule> modules = new LinkedHashMap<>();
  private final Map<String, WholeModule> whole = new LinkedHashMap<>();
  private final Map<List<String>, Optional<LoraGroup>> groups = new HashMap<>();
  private final Scope scope = new Scope();
  private final Tensor parameters;
  private final Tensor gradients;
  private final Tensor working;

  /**
   * Makes an adapter whose matrices are all zero, with one rank for all layers.
   *
   * @param targets layers that get an update, in the order of the model
   * @param rank at least 1
   * @param alpha the update is scaled by alpha / rank
   */
  public LoraAdapter(Kernels kernels, List<LinearShape> targets, int rank, double alpha) {
    this(kernels, AdapterShape.of(targets, rank, alpha));
  }

  /** Makes an adapter whose matrices are all zero. */
  public LoraAdapter(Kernels kernels, AdapterShape shape) {
    this.kernels = kernels;
    this.shape = shape;
    layout = AdapterLayout.of(shape);
    layout.sections().forEach(section -> sections.put(section.name(), section));
    parameters = kernels.engine().zeros(scope, layout.size());
    gradients = kernels.engine().zeros(scope, layout.size());
    working =
        kernels.type() == ElementType.F32 ? parameters : kernels.toActivations(scope, parameters);
    shape.whole().keySet().forEach(module -> whole.put(module, wholeModule(module)));
    shape.targets().forEach(target -> modules.put(target.shape().name(), module(target)));
  }

  private LoraModule module(LoraTarget target) {
    String name = target.shape().name();
    ParameterSection a = section(AdapterLayout.nameOfA(target));
    ParameterSection b = section(AdapterLayout.nameOfB(target));
    return new LoraModule(
        name,
        view(working, a),
        view(working, b),
        view(gradients, a),
        view(gradients, b),
        target.scaling(),
        sections.containsKey(AdapterLayout.nameOfMagnitude(name))
            ? magnitude(section(AdapterLayout.nameOfMagnitude(name)), a, b, target.scaling())
            : null);
  }

  private LoraMagnitude magnitude(
      ParameterSection section, ParameterSection a, ParameterSection b, double scaling) {
    return new LoraMagnitude(
        kernels,
        scope,
        kernels.reshape(scope, view(parameters, section), section.rows()),
        kernels.reshape(scope, view(gradients, section), section.rows()),
        view(parameters, a),
        new LoraMagnitude.LowRankB(view(parameters, b), scaling));
  }

  private WholeModule wholeModule(String module) {
    ParameterSection section = section(AdapterLayout.nameOfWhole(module));
    long[] shape = section.shape();
    Tensor master = kernels.reshape(scope, view(parameters, section), shape);
    // A norm is computed in F32, whatever the type of activations.
    Tensor weight = shape.length == 1 ? master : view(working, section);
    return new WholeModule(master, weight, kernels.reshape(scope, view(gradients, section), shape));
  }

  private ParameterSection section(String name) {
    ParameterSection section = sections.get(name);
    if (section == null) {
      throw new IllegalArgumentException("the adapter has no " + name);
    }
    return section;
  }

  private Tensor view(Tensor flat, ParameterSection section) {
    return kernels.view(scope, flat, section.start(), section.rows(), section.columns());
  }

  /**
   * Draws A from the uniform distribution on (-1 / sqrt(in), 1 / sqrt(in)), which is Kaiming's with
   * a = sqrt(5), and leaves B zero, as PEFT does. Each number is a function of seed, module and
   * place alone. An embedding's A is zero and its B normal.
   */
  public void initialize(long seed) {
    drawA(
        seed,
        (a, key, i) -> (2 * CounterRandom.uniform(key, i) - 1) * (1 / Math.sqrt(a.columns())));
  }

  /**
   * Draws A from a normal distribution of standard deviation 1 / rank, as PEFT does for {@code
   * gaussian}, and leaves B zero.
   */
  public void initializeGaussian(long seed) {
    drawA(seed, (a, key, i) -> CounterRandom.normal(key, i) / a.rows());
  }

  /** The number at a place of an A. */
  private interface Draw {
    double at(ParameterSection a, long key, int place);
  }

  private void drawA(long seed, Draw draw) {
    float[] flat = new float[Math.toIntExact(layout.size())];
    for (LoraTarget target : shape.targets()) {
      long key = CounterRandom.key(seed, nameKey(target.shape().name()));
      // The output of an embedding's A is looked up: it is A that must be zero there.
      ParameterSection drawn =
          section(
              target.embedding() ? AdapterLayout.nameOfB(target) : AdapterLayout.nameOfA(target));
      int start = Math.toIntExact(drawn.start());
      for (int i = 0; i < drawn.elements(); i++) {
        flat[start + i] =
            (float) (target.embedding() ? CounterRandom.normal(key, i) : draw.at(drawn, key, i));
      }
    }
    setParameters(flat);
  }

  /**
   * Draws the weight of a classifier's head from a normal distribution of standard deviation 0.02,
   * as transformers does, and sets its bias to zero; does nothing if there is no head.
   */
  public void initializeScore(long seed) {
    ParameterSection weight = sections.get(AdapterLayout.nameOfWhole(ModelModules.SCORE));
    if (weight == null) {
      return;
    }
    long key = CounterRandom.key(seed, nameKey(ModelModules.SCORE));
    float[] values = new float[Math.toIntExact(weight.elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (SCORE_DEVIATION * CounterRandom.normal(key, i));
    }
    set(weight, values);
    ParameterSection bias = sections.get(ModelModules.SCORE_BIAS);
    if (bias != null) {
      set(bias, new float[Math.toIntExact(bias.elements())]);
    }
    parametersChanged();
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
    float[] flat = new float[Math.toIntExact(layout.size())];
    for (ParameterSection section : layout.sections()) {
      put(flat, section.start(), tensors, section.name(), section.elements());
    }
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

  /** A matrix or vector with its shape. */
  public record Matrix(long[] shape, float[] values) {}

  /** Returns the matrices by PEFT's names without the prefix, in the order of the flat tensors. */
  public SequencedMap<String, Matrix> tensors() {
    return tensorsOf(parameters.toFloats());
  }

  /**
   * Returns the numbers of each trained tensor in row-major order, not copied: they hold until the
   * parameters change, and are gone once the adapter is closed.
   */
  public SequencedMap<ParameterSection, MemorySegment> contents() {
    MemorySegment all = parameters.contents();
    SequencedMap<ParameterSection, MemorySegment> contents = new LinkedHashMap<>();
    for (ParameterSection section : layout.sections()) {
      contents.put(
          section, all.asSlice(section.start() * Float.BYTES, section.elements() * Float.BYTES));
    }
    return contents;
  }

  /** Returns the gradients by the same names. */
  public SequencedMap<String, Matrix> gradientTensors() {
    return tensorsOf(gradients.toFloats());
  }

  /** Cuts a flat array that is laid out as the parameters into matrices by PEFT's names. */
  public SequencedMap<String, Matrix> tensorsOf(float[] flat) {
    SequencedMap<String, Matrix> tensors = new LinkedHashMap<>();
    for (ParameterSection section : layout.sections()) {
      int start = Math.toIntExact(section.start());
      int end = Math.toIntExact(section.start() + section.elements());
      tensors.put(
          section.name(), new Matrix(section.shape(), Arrays.copyOfRange(flat, start, end)));
    }
    return tensors;
  }

  /** Returns the trained tensors in the order of the flat tensors, which they fill but for gaps. */
  public List<ParameterSection> sections() {
    return layout.sections();
  }

  /**
   * Overwrites one trained tensor; {@link #parametersChanged} is to be called after the last one.
   *
   * @param values as many as the section has elements
   */
  public void set(ParameterSection section, float[] values) {
    if (values.length != section.elements()) {
      throw new IllegalArgumentException(
          section.name() + ": expected " + section.elements() + " numbers, found " + values.length);
    }
    kernels.engine().write(parameters, section.start(), values, values.length);
  }

  /** Overwrites all parameters, laid out as {@link #parameters}. */
  public void setParameters(float[] flat) {
    kernels.engine().set(parameters, flat);
    parametersChanged();
  }

  /** Brings the copy that products use up to date; called after each change of the parameters. */
  public void parametersChanged() {
    if (working != parameters) {
      kernels.overwrite(working, parameters);
    }
    for (LoraModule module : modules.values()) {
      if (module.magnitude() != null) {
        module.magnitude().parametersChanged();
      }
    }
  }

  /** Returns the update of a layer, or null if it has none. */
  public @Nullable LoraModule find(String linear) {
    return modules.get(linear);
  }

  /** Returns whether the embedding is trained, so that the gradient to its output is needed. */
  public boolean trainsEmbedding() {
    return whole.containsKey(ModelModules.EMBEDDING) || modules.containsKey(ModelModules.EMBEDDING);
  }

  /** Returns a module that is trained whole, or null if it is not. */
  public @Nullable WholeModule whole(String module) {
    return whole.get(module);
  }

  /**
   * Returns the updates of layers that share an input, or null if none of them has one.
   *
   * @param linears names of the layers, in the order of the model
   * @throws IllegalStateException if the A of those with an update do not follow each other
   */
  public @Nullable LoraGroup group(List<String> linears) {
    return groups.computeIfAbsent(linears, this::makeGroup).orElse(null);
  }

  private Optional<LoraGroup> makeGroup(List<String> linears) {
    List<LoraGroup.@Nullable Member> members = new ArrayList<>();
    ParameterSection first = null;
    long rows = 0;
    for (String linear : linears) {
      LoraModule module = find(linear);
      if (module == null) {
        members.add(null);
        continue;
      }
      ParameterSection a = section(linear + ".lora_A.weight");
      first = first == null ? a : first;
      if (a.columns() != first.columns() || a.start() != first.start() + rows * a.columns()) {
        throw new IllegalStateException(linear + ": its A does not follow that of its group");
      }
      members.add(
          new LoraGroup.Member(
              module, new Kernels.LowRank(rows, rows + a.rows(), module.b(), module.scaling())));
      rows += a.rows();
    }
    if (first == null) {
      return Optional.empty();
    }
    ParameterSection all =
        new ParameterSection(first.name(), first.kind(), first.start(), rows, first.columns());
    return Optional.of(
        new LoraGroup(
            view(working, all), view(gradients, all), Collections.unmodifiableList(members)));
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

  /** Returns the number of layers with an update. */
  public int moduleCount() {
    return modules.size();
  }

  /** Returns the number of trained parameters. */
  public long parameterCount() {
    return layout.parameterCount();
  }

  @Override
  public void close() {
    scope.close();
  }
}
