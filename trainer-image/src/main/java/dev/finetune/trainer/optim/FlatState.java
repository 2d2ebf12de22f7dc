package dev.finetune.trainer.optim;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.ParameterSection;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

/** State of many parameters in one flat {@code F32} tensor; each part has a name of its own. */
final class FlatState {
  private final Kernels kernels;
  private final List<Part> parts;
  private final Tensor tensor;

  /** A named part; start is the place of its first element. */
  record Part(String name, long start, long[] shape) {
    /** Returns a part of as many elements as a section has. */
    static Part like(ParameterSection section, String name, long start) {
      return new Part(section.name() + "." + name, start, section.shape());
    }

    long elements() {
      long elements = 1;
      for (long size : shape) {
        elements *= size;
      }
      return elements;
    }
  }

  /** Makes zeros, which the scope owns; size is at least the end of the last part. */
  FlatState(Kernels kernels, Scope scope, List<Part> parts, long size) {
    this.kernels = kernels;
    this.parts = List.copyOf(parts);
    this.tensor = kernels.engine().zeros(scope, size);
  }

  /** Makes zeros that lie as the parameters do. */
  static FlatState like(Kernels kernels, Scope scope, ParameterLayout layout, String name) {
    List<Part> parts =
        layout.sections().stream()
            .map(section -> Part.like(section, name, section.start()))
            .toList();
    return new FlatState(kernels, scope, parts, layout.size());
  }

  Tensor tensor() {
    return tensor;
  }

  /** Returns the parts, whose numbers are not copied. */
  Stream<StateTensor> save() {
    MemorySegment values = tensor.contents();
    return parts.stream()
        .map(
            part ->
                new StateTensor.Floats(
                    part.name(),
                    part.shape(),
                    values.asSlice(part.start() * Float.BYTES, part.elements() * Float.BYTES)));
  }

  void restore(StateSource source) {
    for (Part part : parts) {
      float[] saved = source.floats(part.name(), part.shape());
      kernels.engine().write(tensor, part.start(), saved, saved.length);
    }
  }
}
