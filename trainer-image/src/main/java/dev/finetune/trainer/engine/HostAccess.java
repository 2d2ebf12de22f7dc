package dev.finetune.trainer.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** How numbers go between Java and the elements of tensors, which lie in a row. */
sealed interface HostAccess {
  /**
   * Overwrites some bytes of a tensor.
   *
   * @param firstByte place of the first to overwrite
   * @throws IndexOutOfBoundsException if the tensor has not so many; nothing is written then
   */
  void write(Tensor target, long firstByte, MemorySegment bytes);

  /** Returns the bytes of a tensor: the very memory, or a copy that the garbage collector frees. */
  MemorySegment read(Tensor source);

  /** The tensors lie in the machine's own memory. */
  record Direct() implements HostAccess {
    @Override
    public void write(Tensor target, long firstByte, MemorySegment bytes) {
      MemorySegment.copy(bytes, 0, target.memory(), firstByte, bytes.byteSize());
    }

    @Override
    public MemorySegment read(Tensor source) {
      return source.memory();
    }
  }

  /**
   * The tensors lie in the memory of a device. libtorch copies, and waits for the copy; on a GPU it
   * does so after all kernels that were started before.
   */
  record ByCopy(TorchShim shim) implements HostAccess {
    @Override
    public void write(Tensor target, long firstByte, MemorySegment bytes) {
      if (firstByte < 0 || bytes.byteSize() > target.bytes() - firstByte) {
        throw new IndexOutOfBoundsException(
            "%d bytes from byte %d on do not fit into %s of %d bytes"
                .formatted(bytes.byteSize(), firstByte, target, target.bytes()));
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment host = arena.allocate(Math.max(1, bytes.byteSize()));
        host.copyFrom(bytes);
        shim.copyFromHost(target.address() + firstByte, target.device(), host, bytes.byteSize());
      }
    }

    @Override
    public MemorySegment read(Tensor source) {
      MemorySegment host = Arena.ofAuto().allocate(Math.max(1, source.bytes()));
      shim.copyToHost(source.address(), source.device(), host, source.bytes());
      return host.asSlice(0, source.bytes());
    }
  }
}
