package dev.finetune.trainer.lora;

import java.util.ArrayList;
import java.util.List;

/**
 * Where each trained tensor lies in the flat tensors of an adapter: first all A, then all B, then
 * the magnitudes, then the modules that are trained whole.
 *
 * <p>The A of layers that share an input follow each other without a gap, so that they are one
 * matrix (sum of ranks, in) and their products with the input are one product.
 *
 * @param sections the trained tensors in their order
 * @param size elements of a flat tensor, gaps included
 */
public record AdapterLayout(List<ParameterSection> sections, long size) {
  /** Other tensors than A begin at multiples of this many elements: 64 bytes, in bfloat16 too. */
  private static final long ALIGNMENT = 32;

  /** Lays out what an adapter trains. */
  public static AdapterLayout of(AdapterShape shape) {
    Builder layout = new Builder();
    for (LoraTarget target : shape.targets()) {
      boolean embedding = target.embedding();
      layout.addNext(
          nameOfA(target),
          embedding ? ParameterSection.Kind.EMBEDDING_A : ParameterSection.Kind.A,
          target.rank(),
          target.shape().in());
    }
    for (LoraTarget target : shape.targets()) {
      boolean embedding = target.embedding();
      layout.addAligned(
          nameOfB(target),
          embedding ? ParameterSection.Kind.EMBEDDING_B : ParameterSection.Kind.B,
          target.shape().out(),
          target.rank());
    }
    if (shape.decomposed()) {
      for (LoraTarget target : shape.targets()) {
        LinearShape linear = target.shape();
        layout.addAligned(
            nameOfMagnitude(linear.name()), ParameterSection.Kind.MAGNITUDE, linear.out(), 1);
      }
    }
    shape
        .whole()
        .forEach(
            (module, sizes) ->
                layout.addAligned(
                    nameOfWhole(module),
                    module.endsWith(ModelModules.BIAS)
                        ? ParameterSection.Kind.BIAS
                        : ParameterSection.Kind.WHOLE,
                    sizes.getFirst(),
                    sizes.size() == 1 ? 1 : sizes.getLast()));
    return new AdapterLayout(List.copyOf(layout.sections), align(layout.end));
  }

  /** Puts sections one behind the other. */
  private static final class Builder {
    private final List<ParameterSection> sections = new ArrayList<>();
    private long end;

    private void addNext(String name, ParameterSection.Kind kind, long rows, long columns) {
      ParameterSection section = new ParameterSection(name, kind, end, rows, columns);
      sections.add(section);
      end = section.start() + section.elements();
    }

    private void addAligned(String name, ParameterSection.Kind kind, long rows, long columns) {
      end = align(end);
      addNext(name, kind, rows, columns);
    }
  }

  private static long align(long elements) {
    return (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** Returns PEFT's name, without the prefix, of the A of a layer. */
  public static String nameOfA(LoraTarget layer) {
    return layer.shape().name() + (layer.embedding() ? ".lora_embedding_A" : ".lora_A.weight");
  }

  /** Returns PEFT's name, without the prefix, of the B of a layer. */
  public static String nameOfB(LoraTarget layer) {
    return layer.shape().name() + (layer.embedding() ? ".lora_embedding_B" : ".lora_B.weight");
  }

  /** Returns PEFT's name, without the prefix, of the magnitude of a layer. */
  public static String nameOfMagnitude(String layer) {
    return layer + ".lora_magnitude_vector";
  }

  /** Returns PEFT's name, without the prefix, of a module that is trained whole. */
  static String nameOfWhole(String module) {
    return module.endsWith(ModelModules.BIAS) ? module : module + ".weight";
  }

  /** Returns the number of trained parameters, gaps not included. */
  public long parameterCount() {
    return sections.stream().mapToLong(ParameterSection::elements).sum();
  }
}
