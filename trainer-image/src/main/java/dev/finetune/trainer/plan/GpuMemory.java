package dev.finetune.trainer.plan;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.ElementType;
import java.util.ArrayList;
import java.util.List;

/**
 * What a GPU holds beside tensors, and the process beside the GPU. These are estimates that were
 * never compared with a GPU: constants of round size and what the sources of libtorch 2.7 allocate.
 */
final class GpuMemory {
  private static final long MEBIBYTE = 1 << 20;
  private static final long CONTEXT = 700 * MEBIBYTE;

  /** Eight buffers of 4 MiB, as CUBLAS_WORKSPACE_CONFIG asks for, for each of two libraries. */
  private static final long WORKSPACES = 64 * MEBIBYTE;

  /** The allocator keeps blocks of 2 and 20 MiB and splits them: one part in this many is lost. */
  private static final int LOST = 16;

  /** Multiprocessors of the largest GPUs; each may sum a gradient of attention by itself. */
  private static final long MULTIPROCESSORS = 144;

  private static final long QUERY_BLOCK = 128;
  private static final long HEAD_STEP = 32;
  private static final long CUDA_ON_THE_HOST = 2500 * MEBIBYTE;

  private GpuMemory() {}

  /** Returns what lies in the GPU's memory beside tensors. */
  static List<MemoryPlan.Allocation> of(
      Workload workload, List<Workload.Batch> training, List<PhasePeak> phases) {
    long peak = phases.stream().mapToLong(PhasePeak::nativeBytes).max().orElse(0);
    long attention =
        training.stream().mapToLong(batch -> attention(workload, batch)).max().orElse(0);
    return List.of(
        new MemoryPlan.Allocation("CUDA: context and kernels (estimate)", CONTEXT),
        new MemoryPlan.Allocation("workspaces of products (estimate)", WORKSPACES),
        new MemoryPlan.Allocation("sums of attention's gradients (estimate)", attention),
        new MemoryPlan.Allocation("lost by the allocator (estimate)", peak / LOST));
  }

  /**
   * Returns what the flash kernel's backward pass needs: sums of the gradient to queries in 32
   * bits, several that are added in a fixed order, and gradients to keys and values of every head.
   */
  private static long attention(Workload workload, Workload.Batch batch) {
    if (workload.type() != ElementType.BF16 || batch.tokens() == 0) {
      return 0;
    }
    ModelConfig config = workload.config();
    long heads = config.attentionHeads();
    long size = ModelMemory.roundUp(config.headSize(), HEAD_STEP);
    long sequences = batch.lengths().size();
    long parts = ModelMemory.roundUp(MULTIPROCESSORS, sequences * heads) / (sequences * heads);
    long queries = batch.tokens() + QUERY_BLOCK * sequences;
    long keys = 2L * batch.tokens() * heads * config.headSize() * workload.type().bytes();
    return parts * queries * heads * size * Float.BYTES + keys;
  }

  /** Returns what the process holds: its parts without a GPU, and what CUDA brings. */
  static List<MemoryPlan.Allocation> host(List<MemoryPlan.Allocation> process) {
    List<MemoryPlan.Allocation> host = new ArrayList<>(process);
    host.add(new MemoryPlan.Allocation("CUDA and its libraries (estimate)", CUDA_ON_THE_HOST));
    return host;
  }
}
