package dev.finetune.trainer.optim;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.Stream;

/**
 * State in 8 bits of many parameters: one flat tensor of codes, and one of the scales of their
 * blocks. Blocks do not reach from one part into the next.
 */
final class CodedState {
  /** Numbers that share a scale. */
  static final int BLOCK = 256;

  private final Kernels kernels;
  private final List<Part> parts;
  private final Tensor codes;
  private final FlatState scales;

  /** A named part: where its codes and its scales begin. */
  record Part(FlatState.Part codes, long scales) {
    long blocks() {
      return (codes.elements() + BLOCK - 1) / BLOCK;
    }
  }

  /** Makes the state of zero moments, which the scope owns; parts lie side by side. */
  CodedState(Kernels kernels, Scope scope, List<Part> parts) {
    this.kernels = kernels;
    this.parts = List.copyOf(parts);
    Part last = parts.getLast();
    long size = last.codes().start() + last.codes().elements();
    this.codes =
        kernels
            .engine()
            .copyOf(scope, ByteBuffer.allocate(Math.toIntExact(size)), ElementType.U8, size);
    List<FlatState.Part> named =
        parts.stream()
            .map(
                part ->
                    new FlatState.Part(
                        part.codes().name() + ".absmax", part.scales(), new long[] {part.blocks()}))
            .toList();
    this.scales = new FlatState(kernels, scope, named, last.scales() + last.blocks());
  }

  Tensor codes() {
    return codes;
  }

  Tensor scales() {
    return scales.tensor();
  }

  Stream<StateTensor> save() {
    MemorySegment bytes = codes.contents();
    Stream<StateTensor> saved =
        parts.stream()
            .map(Part::codes)
            .map(
                part ->
                    new StateTensor.Codes(
                        part.name(), part.shape(), bytes.asSlice(part.start(), part.elements())));
    return Stream.concat(saved, scales.save());
  }

  void restore(StateSource source) {
    for (Part part : parts) {
      FlatState.Part place = part.codes();
      byte[] saved = source.codes(place.name(), place.shape());
      kernels.engine().write(codes, place.start(), saved, saved.length);
    }
    scales.restore(source);
  }
}
