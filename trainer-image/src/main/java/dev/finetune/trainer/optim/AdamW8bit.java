package dev.finetune.trainer.optim;

import dev.finetune.trainer.engine.AdamStep;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.quant.DynamicMap;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * AdamW whose moments are kept in 8 bits, as bitsandbytes' {@code AdamW8bit} does it: each block of
 * 256 numbers of a tensor is divided by its largest magnitude and stored as the index of the
 * nearest value of a dynamic map, with signs for the first moment and without for the second.
 * Tensors of less than 4096 numbers keep moments of 32 bits. The update itself uses the moments
 * before they are rounded.
 *
 * @see <a href="https://arxiv.org/abs/2110.02861">8-bit optimizers via block-wise quantization</a>
 */
public final class AdamW8bit implements Optimizer {
  private static final int BLOCK = CodedState.BLOCK;
  private static final int LEAST_ELEMENTS = 4096;

  private final Kernels kernels;
  private final AdamConstants constants;
  private final Scope scope = new Scope();
  private final List<Small> small = new ArrayList<>();
  private final List<Run> runs = new ArrayList<>();
  private final @Nullable Exact exact;
  private final @Nullable Rounded rounded;

  /** A section with moments of 32 bits, and where they begin. */
  private record Small(ParameterSection section, ParameterLayout.Rates rates, long state) {}

  /** Parameters side by side in blocks of one size, and where their codes and scales begin. */
  private record Run(
      long start, long elements, int block, ParameterLayout.Rates rates, long codes, long scales) {
    /** Whether the blocks of another one continue those of this one. */
    boolean isContinuedBy(Run next) {
      return block == BLOCK
          && next.block == BLOCK
          && next.start == start + elements
          && next.rates.equals(rates);
    }

    Run and(Run next) {
      return new Run(start, elements + next.elements, block, rates, codes, scales);
    }
  }

  /** The moments of the small sections. */
  private record Exact(FlatState first, FlatState second) {}

  /** The moments of the others, with the values and limits of their maps. */
  private record Rounded(CodedState first, CodedState second, Kernels.DynamicMaps maps) {}

  /** Makes one whose moments are zero. */
  public AdamW8bit(Kernels kernels, ParameterLayout layout, AdamConstants constants) {
    this.kernels = kernels;
    this.constants = constants;
    List<ParameterSection> large = new ArrayList<>();
    long states = 0;
    for (ParameterSection section : layout.sections()) {
      if (section.elements() < LEAST_ELEMENTS) {
        small.add(new Small(section, layout.rates(section), states));
        states += section.elements();
      } else {
        large.add(section);
      }
    }
    this.exact =
        small.isEmpty()
            ? null
            : new Exact(exactState(AdamW.FIRST, states), exactState(AdamW.SECOND, states));
    this.rounded = large.isEmpty() ? null : rounded(large);
    addRuns(large, layout);
  }

  private FlatState exactState(String name, long size) {
    List<FlatState.Part> parts =
        small.stream()
            .map(place -> FlatState.Part.like(place.section(), name, place.state()))
            .toList();
    return new FlatState(kernels, scope, parts, size);
  }

  private Rounded rounded(List<ParameterSection> large) {
    float[] signed = DynamicMap.signed();
    float[] unsigned = DynamicMap.unsigned();
    return new Rounded(
        new CodedState(kernels, scope, codedParts(large, AdamW.FIRST)),
        new CodedState(kernels, scope, codedParts(large, AdamW.SECOND)),
        new Kernels.DynamicMaps(
            floats(signed),
            floats(DynamicMap.limits(signed)),
            floats(unsigned),
            floats(DynamicMap.limits(unsigned))));
  }

  private Tensor floats(float[] values) {
    return kernels.engine().floats(scope, values, values.length);
  }

  private static List<CodedState.Part> codedParts(List<ParameterSection> large, String name) {
    List<CodedState.Part> parts = new ArrayList<>();
    long codes = 0;
    long scales = 0;
    for (ParameterSection section : large) {
      CodedState.Part part = new CodedState.Part(FlatState.Part.like(section, name, codes), scales);
      parts.add(part);
      codes += section.elements();
      scales += part.blocks();
    }
    return parts;
  }

  /** Adds, of each section, the whole blocks and the shorter one at its end. */
  private void addRuns(List<ParameterSection> large, ParameterLayout layout) {
    long codes = 0;
    long scales = 0;
    for (ParameterSection section : large) {
      ParameterLayout.Rates rates = layout.rates(section);
      int rest = (int) (section.elements() % BLOCK);
      long whole = section.elements() - rest;
      add(new Run(section.start(), whole, BLOCK, rates, codes, scales));
      codes += whole;
      scales += whole / BLOCK;
      if (rest > 0) {
        add(new Run(section.start() + whole, rest, rest, rates, codes, scales));
        codes += rest;
        scales++;
      }
    }
  }

  private void add(Run run) {
    boolean continues = !runs.isEmpty() && runs.getLast().isContinuedBy(run);
    runs.add(continues ? runs.removeLast().and(run) : run);
  }

  @Override
  public void update(
      Tensor parameters, Tensor gradients, double learningRate, int step, double clip) {
    if (exact != null) {
      for (Small place : small) {
        ParameterSection section = place.section();
        kernels.adamW(
            new Kernels.Flat(parameters, gradients, section.start(), section.elements()),
            exact.first().tensor(),
            exact.second().tensor(),
            place.state(),
            constants.step(place.rates(), learningRate, step, clip));
      }
    }
    if (rounded != null) {
      for (Run run : runs) {
        update(
            rounded,
            run,
            parameters,
            gradients,
            constants.step(run.rates(), learningRate, step, clip));
      }
    }
  }

  private void update(
      Rounded moments, Run run, Tensor parameters, Tensor gradients, AdamStep numbers) {
    kernels.adamW8bit(
        new Kernels.Flat(parameters, gradients, run.start(), run.elements()),
        new Kernels.Coded(moments.first().codes(), moments.first().scales()),
        new Kernels.Coded(moments.second().codes(), moments.second().scales()),
        new Kernels.Blocks(run.block(), run.codes(), run.scales()),
        moments.maps(),
        numbers);
  }

  @Override
  public List<StateTensor> state() {
    Stream<StateTensor> ofSmall =
        exact == null ? Stream.empty() : Stream.concat(exact.first().save(), exact.second().save());
    Stream<StateTensor> ofLarge =
        rounded == null
            ? Stream.empty()
            : Stream.concat(rounded.first().save(), rounded.second().save());
    return Stream.concat(ofSmall, ofLarge).toList();
  }

  @Override
  public void restore(StateSource source) {
    if (exact != null) {
      exact.first().restore(source);
      exact.second().restore(source);
    }
    if (rounded != null) {
      rounded.first().restore(source);
      rounded.second().restore(source);
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
