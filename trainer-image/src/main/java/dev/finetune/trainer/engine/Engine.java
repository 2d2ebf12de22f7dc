package dev.finetune.trainer.engine;

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
import dev.finetune.trainer.failure.OutOfMemory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/**
 * libtorch with the kernels of this project. There is one in a process; it is used by the thread
 * that calls {@link #useThreads}.
 */
public final class Engine implements AutoCloseable {
  private static final String SOURCE = "kernels.torchscript";

  private final PtNDManager manager;
  private final PtSymbolBlock block;
  private final TorchShim shim;
  private final AtomicLong live = new AtomicLong();

  private Engine(PtNDManager manager, PtSymbolBlock block, TorchShim shim) {
    this.manager = manager;
    this.block = block;
    this.shim = shim;
  }

  /**
   * Loads libtorch and the kernels.
   *
   * @param threads threads within an operation; the same number is needed for the same bits
   */
  public static Engine start(int threads) {
    // The profiling executor takes up to 20 s for the first call of a kernel and wins nothing.
    System.setProperty("ai.djl.pytorch.graph_optimizer", "false");
    System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(threads));
    System.setProperty("ai.djl.offline", "true");
    PtNDManager manager = (PtNDManager) NDManager.newBaseManager("PyTorch");
    JniUtils.setNumThreads(threads);
    try {
      Path archive = Files.createTempFile("kernels", ".pt");
      try {
        Files.write(archive, KernelArchive.of(source()));
        PtSymbolBlock block =
            JniUtils.loadModule(manager, archive, false, new String[0], new String[0], true);
        return new Engine(manager, block, new TorchShim());
      } finally {
        Files.delete(archive);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the kernels could not be written to the temporary folder", e);
    }
  }

  private static String source() throws IOException {
    try (InputStream in = Engine.class.getResourceAsStream(SOURCE)) {
      if (in == null) {
        throw new IllegalStateException("no resource " + SOURCE);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Sets the number of threads within an operation, for the calling thread. */
  public void useThreads(int threads) {
    JniUtils.setNumThreads(threads);
  }

  /** Returns the number of tensors that were made and not closed. */
  public long liveTensors() {
    return live.get();
  }

  /** Copies floats to a new tensor. */
  public Tensor floats(Scope scope, float[] values, long... shape) {
    return scope.own(new Tensor(this, (PtNDArray) manager.create(values, new Shape(shape))));
  }

  /** Copies 64-bit integers to a new tensor of one dimension. */
  public Tensor longs(Scope scope, long[] values) {
    return scope.own(new Tensor(this, (PtNDArray) manager.create(values)));
  }

  /**
   * Copies the remaining elements of a direct buffer to a new tensor.
   *
   * <p>The copy is made by libtorch, whose memory is aligned to 64 bytes, so that products of the
   * same numbers take the same path in every process.
   *
   * @param type {@code F32}, {@code U8} or {@code I64}, as the buffer's
   */
  public Tensor copyOf(Scope scope, Buffer buffer, ElementType type, long... shape) {
    try (Scope temporary = new Scope()) {
      Tensor view =
          temporary.own(new Tensor(this, manager.create(buffer, new Shape(shape), djlType(type))));
      return call(scope, "copy", view);
    }
  }

  private static DataType djlType(ElementType type) {
    return switch (type) {
      case U8 -> DataType.UINT8;
      case I64 -> DataType.INT64;
      case F32 -> DataType.FLOAT32;
      case I16, BF16 -> throw new IllegalArgumentException("no Java buffer of " + type);
    };
  }

  /** Returns a tensor of zeros of type {@code F32}. */
  public Tensor zeros(Scope scope, long... shape) {
    return scope.own(
        new Tensor(this, (PtNDArray) manager.zeros(new Shape(shape), DataType.FLOAT32)));
  }

  /** Overwrites a tensor of type {@code F32} with the floats of a direct buffer. */
  public void set(Tensor target, ByteBuffer floats) {
    try (Scope scope = new Scope()) {
      Tensor source =
          scope.own(
              new Tensor(
                  this, manager.create(floats, new Shape(target.shape()), DataType.FLOAT32)));
      call(scope, "overwrite", target, source);
    }
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

  void born() {
    live.incrementAndGet();
  }

  void died() {
    live.decrementAndGet();
  }

  @Override
  public void close() {
    block.close();
    manager.close();
  }
}
