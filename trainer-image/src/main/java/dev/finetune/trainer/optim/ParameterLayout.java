package dev.finetune.trainer.optim;

import dev.finetune.trainer.lora.ParameterSection;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Which parameter lies where in the flat tensors of an adapter, and at which rate it learns.
 *
 * @param sections the trained tensors, which do not overlap
 * @param size elements of the flat tensors, gaps between sections included
 * @param loraPlusRatio rate of B as a multiple of that of A, as in LoRA+; 1 for one rate
 * @see <a href="https://arxiv.org/abs/2402.12354">LoRA+</a>
 */
public record ParameterLayout(List<ParameterSection> sections, long size, double loraPlusRatio) {
  private static final Rates ALL = new Rates(1, 1);

  /** Sorts the sections by place. */
  public ParameterLayout {
    sections = sections.stream().sorted(Comparator.comparingLong(ParameterSection::start)).toList();
  }

  /**
   * How fast parameters change.
   *
   * @param learning their rate as a multiple of the learning rate
   * @param decay their weight decay as a multiple of the run's, 0 or 1
   */
  record Rates(double learning, double decay) {}

  /**
   * Elements side by side that learn at one rate.
   *
   * @param start place of the first in the flat tensors
   * @param elements how many they are
   * @param rates how fast they change
   */
  record Range(long start, long elements, Rates rates) {
    long end() {
      return start + elements;
    }
  }

  /**
   * Returns how fast a section changes. As in PEFT's {@code create_loraplus_optimizer}, B and
   * vectors such as DoRA's magnitudes learn at the higher rate, A and modules that are trained
   * whole at the learning rate. As in transformers, a bias does not decay.
   */
  Rates rates(ParameterSection section) {
    boolean higher = section.kind() == ParameterSection.Kind.B || isVector(section);
    boolean decays = section.kind() != ParameterSection.Kind.BIAS;
    return new Rates(higher ? loraPlusRatio : 1, decays ? 1 : 0);
  }

  /** Returns whether a section has one dimension only; A and B are matrices at rank 1 too. */
  static boolean isVector(ParameterSection section) {
    return section.shape().length == 1;
  }

  /**
   * Returns the fewest ranges that cover all sections. Gaps may be covered too: their gradient is
   * zero.
   */
  List<Range> ranges() {
    if (sections.stream().map(this::rates).distinct().count() < 2) {
      return List.of(new Range(0, size, sections.isEmpty() ? ALL : rates(sections.getFirst())));
    }
    List<Range> ranges = new ArrayList<>();
    for (ParameterSection section : sections) {
      Rates rates = rates(section);
      long start = section.start();
      if (!ranges.isEmpty() && ranges.getLast().rates().equals(rates)) {
        start = ranges.removeLast().start();
      }
      ranges.add(new Range(start, section.start() + section.elements() - start, rates));
    }
    return List.copyOf(ranges);
  }
}
