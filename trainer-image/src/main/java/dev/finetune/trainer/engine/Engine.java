package dev.finetune.trainer.engine;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.OutOfMemory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * libtorch with the kernels of this project. There is one in a process; it is used by the thread
 * that calls {@link #useThreads}.
 */
public final class Engine implements AutoCloseable {
  private static final String NAME = "PyTorch";
  private static final String SOURCE = "kernels.torchscript";

  private final PtNDManager manager;
  private final PtSymbolBlock block;
  private final TorchShim shim;
  private final ComputeDevice device;
  private final HostAccess access;
  private final NativeAllocator allocator = new NativeAllocator();
  private final TensorMemory memory = new TensorMemory();

  private Engine(PtNDManager manager, PtSymbolBlock block, TorchShim shim, ComputeDevice device) {
    this.manager = manager;
    this.block = block;
    this.shim = shim;
    this.device = device;
    this.access =
        switch (device) {
          case CPU -> new HostAccess.Direct();
          case CUDA -> new HostAccess.ByCopy(shim);
        };
  }

  /**
   * Begins to load libtorch in a thread of its own, so that {@link #start} has less to wait for. If
   * that fails, starting fails in the same way.
   */
  public static Preparation prepare() {
    setProperties();
    return new Preparation(
        Thread.ofPlatform()
            .daemon()
            .name("libtorch")
            .uncaughtExceptionHandler((_, _) -> {})
            .start(() -> ai.djl.engine.Engine.getEngine(NAME)));
  }

  /** The loading of libtorch; a process must not end in the middle of it. */
  public static final class Preparation implements AutoCloseable {
    private final Thread thread;

    private Preparation(Thread thread) {
      this.thread = thread;
    }

    /** Waits for it. */
    @Override
    public void close() {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void setProperties() {
    // The profiling executor takes up to 20 s for the first call of a kernel and wins nothing.
    System.setProperty("ai.djl.pytorch.graph_optimizer", "false");
    System.setProperty("ai.djl.offline", "true");
  }

  /** Loads libtorch and the kernels for the machine's processors. */
  public static Engine start(int threads) {
    return start(threads, ComputeDevice.CPU);
  }

  /**
   * Loads libtorch and the kernels.
   *
   * @param threads threads within an operation; the same number is needed for the same bits
   * @param device where all tensors lie and all kernels run
   * @throws InvalidConfiguration if the device is not there, or its products would not be the same
   *     bits each time
   */
  public static Engine start(int threads, ComputeDevice device) {
    setProperties();
    System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(threads));
    if (device == ComputeDevice.CUDA) {
      requireGpu();
    }
    // What DJL makes itself stays in the machine's memory; tensors of the engine do not come of it.
    PtNDManager manager = (PtNDManager) NDManager.newBaseManager(Device.cpu(), NAME);
    JniUtils.setNumThreads(threads);
    try {
      Path archive = Files.createTempFile("kernels", ".pt");
      try {
        Files.write(archive, KernelArchive.of(source()));
        PtSymbolBlock block =
            JniUtils.loadModule(manager, archive, false, new String[0], new String[0], true);
        return new Engine(manager, block, new TorchShim(), device);
      } finally {
        Files.delete(archive);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the kernels could not be written to the temporary folder", e);
    }
  }

  private static void requireGpu() {
    Libtorch libtorch = Libtorch.ofProcess();
    if (!libtorch.forCuda()) {
      throw new InvalidConfiguration(
          "device cuda: expected libtorch for CUDA, found the flavor " + libtorch.flavor());
    }
    Determinism.requireFixedWorkspace(System.getenv(Determinism.WORKSPACE));
    if (findGpu().isEmpty()) {
      throw new InvalidConfiguration(
          "device cuda: expected an NVIDIA driver and a GPU that this process may use, found none");
    }
    Determinism.require();
  }

  /**
   * Returns the first GPU that this process may use; empty too where libtorch is one for CPUs. It
   * waits for libtorch to be loaded if libtorch is one for CUDA.
   *
   * @throws InvalidConfiguration if libtorch for CUDA lacks a library
   */
  public static Optional<Gpu> findGpu() {
    if (!Libtorch.ofProcess().forCuda()) {
      return Optional.empty();
    }
    setProperties();
    try {
      ai.djl.engine.Engine.getEngine(NAME);
    } catch (EngineException e) {
      if (e.getCause() instanceof UnsatisfiedLinkError missing) {
        throw new InvalidConfiguration(
            "libtorch for CUDA cannot be loaded: " + missing.getMessage(), e);
      }
      throw e;
    }
    return CudaRuntime.loaded().flatMap(CudaRuntime::firstGpu);
  }

  private static String source() throws IOException {
    try (InputStream in = Engine.class.getResourceAsStream(SOURCE)) {
      if (in == null) {
        throw new IllegalStateException("no resource " + SOURCE);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Returns the version of libtorch; waits until it is loaded. */
  public static String version() {
    setProperties();
    return ai.djl.engine.Engine.getEngine(NAME).getVersion();
  }

  /** Returns where tensors lie and kernels run. */
  public ComputeDevice device() {
    return device;
  }

  /** Sets the number of threads within an operation, for the calling thread. */
  public void useThreads(int threads) {
    JniUtils.setNumThreads(threads);
  }

  /** Returns the number of tensors that were made and not closed. */
  public long liveTensors() {
    return memory.tensors();
  }

  /** Returns the bytes of the tensors that were made and not closed; views add nothing. */
  public long liveBytes() {
    return memory.bytes();
  }

  /** Returns the most {@link #liveBytes} since the start or the last {@link #resetPeakBytes}. */
  public long peakBytes() {
    return memory.peak();
  }

  /** Lets {@link #peakBytes} begin anew from what is live. */
  public void resetPeakBytes() {
    memory.resetPeak();
  }

  /**
   * Returns a new tensor whose elements are not set.
   *
   * <p>Its memory is libtorch's and aligned to 64 bytes, so that products of the same numbers take
   * the same path in every process.
   *
   * @throws OutOfMemory if libtorch cannot allocate it
   */
  public Tensor empty(Scope scope, ElementType type, long... shape) {
    long handle;
    try {
      handle = shim.empty(device, type, shape);
    } catch (IllegalStateException e) {
      throw new OutOfMemory(
          "libtorch has no memory for a tensor of shape " + Arrays.toString(shape), e);
    }
    return scope.own(new Tensor(this, new PtNDArray(manager, handle)));
  }

  /** Copies floats to a new tensor. */
  public Tensor floats(Scope scope, float[] values, long... shape) {
    Tensor tensor = empty(scope, ElementType.F32, shape);
    access.write(tensor, 0, MemorySegment.ofArray(values));
    return tensor;
  }

  /** Copies 64-bit integers to a new tensor of one dimension. */
  public Tensor longs(Scope scope, long[] values) {
    Tensor tensor = empty(scope, ElementType.I64, values.length);
    access.write(tensor, 0, MemorySegment.ofArray(values));
    return tensor;
  }

  /**
   * Copies the remaining elements of a buffer to a new tensor.
   *
   * @param type type of the buffer's elements
   */
  public Tensor copyOf(Scope scope, Buffer buffer, ElementType type, long... shape) {
    Tensor tensor = empty(scope, type, shape);
    access.write(tensor, 0, MemorySegment.ofBuffer(buffer));
    return tensor;
  }

  /** Returns a tensor of zeros of type {@code F32}. */
  public Tensor zeros(Scope scope, long... shape) {
    return switch (device) {
      // Pages of zeros that the system hands out cost nothing until they are used.
      case CPU ->
          scope.own(
              new Tensor(this, (PtNDArray) manager.zeros(new Shape(shape), DataType.FLOAT32)));
      case CUDA -> {
        Tensor tensor = empty(scope, ElementType.F32, shape);
        try (Scope temporary = new Scope()) {
          call(temporary, "fill", tensor, 0.0);
        }
        yield tensor;
      }
    };
  }

  /** Overwrites a tensor of type {@code F32} with the remaining floats of a buffer. */
  public void set(Tensor target, ByteBuffer floats) {
    requireSize(target, floats.remaining());
    access.write(target, 0, MemorySegment.ofBuffer(floats));
  }

  /** Overwrites a tensor of type {@code F32}. */
  public void set(Tensor target, float[] floats) {
    requireSize(target, (long) floats.length * Float.BYTES);
    access.write(target, 0, MemorySegment.ofArray(floats));
  }

  private static void requireSize(Tensor target, long bytes) {
    if (target.bytes() != bytes) {
      throw new IllegalArgumentException(
          target + ": expected " + target.bytes() + " bytes, got " + bytes);
    }
  }

  /**
   * Overwrites some elements of a tensor of type {@code F32} or {@code BF16}, to which values are
   * rounded as libtorch rounds them.
   *
   * @param start first element to overwrite, in row-major order
   * @param values the first {@code count} of these are taken
   */
  public void write(Tensor target, long start, float[] values, int count) {
    if (target.is(ElementType.F32)) {
      MemorySegment floats = MemorySegment.ofArray(values).asSlice(0, (long) count * Float.BYTES);
      access.write(target, start * Float.BYTES, floats);
    } else if (target.is(ElementType.BF16)) {
      short[] rounded = new short[count];
      for (int i = 0; i < count; i++) {
        rounded[i] = bfloat16(values[i]);
      }
      access.write(target, start * Short.BYTES, MemorySegment.ofArray(rounded));
    } else {
      throw new IllegalArgumentException(target + ": expected type F32 or BF16");
    }
  }

  /** Overwrites some elements of a tensor of bytes. */
  public void write(Tensor target, long start, byte[] values, int count) {
    if (!target.is(ElementType.U8)) {
      throw new IllegalArgumentException(target + ": expected type U8");
    }
    access.write(target, start, MemorySegment.ofArray(values).asSlice(0, count));
  }

  /** Rounds to nearest, ties to even; any NaN becomes one NaN. */
  private static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    return (short) (Float.isNaN(value) ? 0x7fc0 : rounded);
  }

  /** Rounds a number to bfloat16. */
  static float roundToBfloat16(float value) {
    return Float.intBitsToFloat(bfloat16(value) << 16);
  }

  /** Returns a tensor that shares the memory of another and reads it as another type. */
  Tensor viewAs(Scope scope, Tensor tensor, ElementType type) {
    long handle = shim.viewAs(tensor.array().getHandle(), type);
    return scope.own(new Tensor(this, new PtNDArray(manager, handle)));
  }

  /**
   * Runs a kernel that returns one tensor.
   *
   * @throws OutOfMemory if libtorch cannot allocate its result
   * @param arguments tensors, arrays of tensors, longs, arrays of longs, doubles or booleans
   */
  Tensor call(Scope scope, String kernel, Object... arguments) {
    try (IValue result = run(kernel, arguments)) {
      return scope.own(new Tensor(this, result.toTensor(manager)));
    }
  }

  /** Runs a kernel that returns a tuple of tensors. */
  Tensor[] callTuple(Scope scope, String kernel, Object... arguments) {
    try (IValue result = run(kernel, arguments)) {
      IValue[] parts = result.toIValueTuple();
      Tensor[] tensors = new Tensor[parts.length];
      for (int i = 0; i < parts.length; i++) {
        tensors[i] = scope.own(new Tensor(this, parts[i].toTensor(manager)));
        parts[i].close();
      }
      return tensors;
    }
  }

  /** Runs a kernel that returns a list of tensors. */
  Tensor[] callList(Scope scope, String kernel, Object... arguments) {
    try (IValue result = run(kernel, arguments)) {
      PtNDArray[] parts = result.toTensorArray(manager);
      Tensor[] tensors = new Tensor[parts.length];
      for (int i = 0; i < parts.length; i++) {
        tensors[i] = scope.own(new Tensor(this, parts[i]));
      }
      return tensors;
    }
  }

  private IValue run(String kernel, Object[] arguments) {
    IValue[] values = new IValue[arguments.length];
    try {
      for (int i = 0; i < arguments.length; i++) {
        values[i] = value(arguments[i]);
      }
      return IValueUtils.runMethod(block, kernel, values);
    } catch (EngineException e) {
      throw outOfMemory(e) ? new OutOfMemory("out of memory in libtorch, kernel " + kernel, e) : e;
    } finally {
      for (IValue value : values) {
        if (value != null) {
          value.close();
        }
      }
    }
  }

  private static boolean outOfMemory(EngineException error) {
    String text = String.valueOf(error.getMessage()).toLowerCase(Locale.ROOT);
    return text.contains("can't allocate memory")
        || text.contains("bad_alloc")
        || text.contains("out of memory");
  }

  private static IValue value(Object argument) {
    return switch (argument) {
      case Tensor tensor -> IValue.from(tensor.array());
      case Tensor[] tensors -> {
        PtNDArray[] arrays = new PtNDArray[tensors.length];
        for (int i = 0; i < tensors.length; i++) {
          arrays[i] = tensors[i].array();
        }
        yield IValue.listFrom(arrays);
      }
      case Long number -> IValue.from(number);
      case Integer number -> IValue.from((long) number);
      case long[] numbers -> IValue.listFrom(numbers);
      case Double number -> IValue.from(number);
      case Boolean flag -> IValue.from(flag);
      default -> throw new IllegalArgumentException("no kernel takes " + argument.getClass());
    };
  }

  TorchShim.Placement born(PtNDArray array) {
    TorchShim.Placement placement = shim.placement(array.getHandle());
    memory.born(placement);
    return placement;
  }

  void died(TorchShim.Placement placement) {
    memory.died(placement);
  }

  boolean isInARow(PtNDArray array) {
    return shim.isInARow(array.getHandle());
  }

  /** Copies the elements of a tensor on a device, in row-major order and as numbers of a type. */
  MemorySegment fetch(Tensor tensor, ElementType type) {
    try (Scope scope = new Scope()) {
      return new HostAccess.ByCopy(shim).read(call(scope, "in_a_row", tensor, type.code()));
    }
  }

  /**
   * Waits for the kernels that were called: on a GPU a call returns before its kernel has ended.
   */
  public void finish() {
    switch (device) {
      case CPU -> {}
      case CUDA -> CudaRuntime.loaded().ifPresent(CudaRuntime::finish);
    }
  }

  /** Gives memory that was freed back to the operating system, as after loading a model. */
  public void returnFreedMemory() {
    allocator.trim();
  }

  @Override
  public void close() {
    block.close();
    manager.close();
  }
}
