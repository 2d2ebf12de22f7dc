package dev.finetune.trainer.engine;

import java.util.HashMap;
import java.util.Map;

/**
 * How many bytes tensors hold. A block of memory that several tensors share, such as a tensor and
 * its views, counts once, until the last of them is closed.
 *
 * <p>What a kernel allocates and frees before it returns is not seen.
 */
final class TensorMemory {
  private final Map<Long, Block> blocks = new HashMap<>();
  private long tensors;
  private long bytes;
  private long peak;

  /** A block of memory and how many tensors share it. */
  private static final class Block {
    private final long bytes;
    private int tensors = 1;

    private Block(long bytes) {
      this.bytes = bytes;
    }
  }

  /** Counts a new tensor. */
  synchronized void born(TorchShim.Placement placement) {
    tensors++;
    if (placement.storageBytes() == 0) {
      return;
    }
    Block block = blocks.get(placement.storage());
    if (block == null) {
      blocks.put(placement.storage(), new Block(placement.storageBytes()));
      bytes += placement.storageBytes();
      peak = Math.max(peak, bytes);
    } else {
      block.tensors++;
    }
  }

  /** Takes a tensor off that is being closed. */
  synchronized void died(TorchShim.Placement placement) {
    tensors--;
    Block block = blocks.get(placement.storage());
    if (block != null && --block.tensors == 0) {
      blocks.remove(placement.storage());
      bytes -= block.bytes;
    }
  }

  synchronized long tensors() {
    return tensors;
  }

  synchronized long bytes() {
    return bytes;
  }

  synchronized long peak() {
    return peak;
  }

  synchronized void resetPeak() {
    peak = bytes;
  }
}
