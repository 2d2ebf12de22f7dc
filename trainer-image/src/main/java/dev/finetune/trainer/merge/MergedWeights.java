package dev.finetune.trainer.merge;

import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.AdapterLayout;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraTarget;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.WeightReader;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a base model with an adapter merged in, computed in 32-bit floats as they are
 * read: in memory at a time are two rows of one weight and the matrices of its update.
 */
public final class MergedWeights implements WeightReader {
  private static final String WEIGHT = ".weight";

  private final WeightReader base;
  private final SafetensorsReader adapter;
  private final boolean decomposed;
  private final Map<String, LoraTarget> targets = new HashMap<>();
  private final Set<String> whole = new HashSet<>();
  private final @Nullable BaseChange change;
  private final SortedSet<String> names = new TreeSet<>();

  private MergedWeights(
      WeightReader base,
      SafetensorsReader adapter,
      AdapterShape shape,
      @Nullable BaseChange change) {
    this.base = base;
    this.adapter = adapter;
    this.decomposed = shape.decomposed();
    this.change = change;
    shape.targets().forEach(target -> targets.put(target.shape().name() + WEIGHT, target));
    shape.whole().keySet().forEach(module -> whole.add(module + WEIGHT));
    names.addAll(base.names());
  }

  /**
   * Opens the weights of an adapter; the caller closes the result.
   *
   * @param base stays the caller's, and open as long as the result
   * @param shape what the adapter changes
   * @param adapter PEFT's {@code adapter_model.safetensors}
   * @param change what becomes of the base weights first, or null
   * @throws UnreadableData if a tensor of the adapter is missing, of another shape, or too many
   */
  public static MergedWeights open(
      WeightReader base, AdapterShape shape, Path adapter, @Nullable BaseChange change) {
    SafetensorsReader tensors = AdapterFiles.open(adapter, AdapterLayout.of(shape).sections());
    return new MergedWeights(base, tensors, shape, change);
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(names);
  }

  @Override
  public long[] shape(String name) {
    return base.shape(name);
  }

  @Override
  public void read(String name, FloatBuffer target) {
    stream(name, (values, count) -> target.put(values, 0, count));
  }

  /**
   * {@inheritDoc}
   *
   * @throws UnreadableData if a merged value is not a finite number
   */
  @Override
  public void stream(String name, Sink sink) {
    Sink finite = finite(name, sink);
    if (whole.contains(name)) {
      adapter.stream(AdapterFiles.PREFIX + name, finite);
      return;
    }
    LoraTarget target = targets.get(name);
    if (target == null) {
      base.stream(name, finite);
      return;
    }
    int columns = Math.toIntExact(base.shape(name)[1]);
    Rows rows = new Rows(update(target), columns, finite);
    if (change == null) {
      base.stream(name, rows);
    } else {
      float[] values = changed(change, target);
      rows.accept(values, values.length);
    }
    rows.flush();
  }

  private float[] changed(BaseChange change, LoraTarget target) {
    String linear = target.shape().name();
    long[] shape = base.shape(linear + WEIGHT);
    float[] values = new float[Math.toIntExact(Math.multiplyExact(shape[0], shape[1]))];
    base.read(linear + WEIGHT, FloatBuffer.wrap(values));
    return change.apply(linear, values, shape[0], shape[1]);
  }

  private LowRankUpdate update(LoraTarget target) {
    float[] a = matrix(AdapterLayout.nameOfA(target));
    float[] b = matrix(AdapterLayout.nameOfB(target));
    int rank = target.rank();
    float scaling = (float) target.scaling();
    if (target.embedding()) {
      int vocabulary = Math.toIntExact(target.shape().in());
      int hidden = Math.toIntExact(target.shape().out());
      return new LowRankUpdate(
          LowRankUpdate.transposed(a, rank, vocabulary),
          LowRankUpdate.transposed(b, hidden, rank),
          rank,
          scaling,
          null);
    }
    return new LowRankUpdate(
        b,
        a,
        rank,
        scaling,
        decomposed ? matrix(AdapterLayout.nameOfMagnitude(target.shape().name())) : null);
  }

  private float[] matrix(String name) {
    return adapter.readFloats(AdapterFiles.PREFIX + name);
  }

  private static Sink finite(String name, Sink sink) {
    return (values, count) -> {
      for (int i = 0; i < count; i++) {
        if (!Float.isFinite(values[i])) {
          throw new UnreadableData(
              "%s: expected finite numbers after the merge, found %s".formatted(name, values[i]));
        }
      }
      sink.accept(values, count);
    };
  }

  /** Makes rows of parts, updates them, and makes parts of rows. */
  private static final class Rows implements Sink {
    private final LowRankUpdate update;
    private final Sink sink;
    private final float[] row;
    private final float[] part = new float[PART];
    private int rowFilled;
    private int partFilled;
    private int index;

    private Rows(LowRankUpdate update, int columns, Sink sink) {
      this.update = update;
      this.row = new float[columns];
      this.sink = sink;
    }

    @Override
    public void accept(float[] values, int count) {
      for (int taken = 0; taken < count; ) {
        int next = Math.min(count - taken, row.length - rowFilled);
        System.arraycopy(values, taken, row, rowFilled, next);
        taken += next;
        rowFilled += next;
        if (rowFilled == row.length) {
          update.apply(index++, row);
          rowFilled = 0;
          passOn();
        }
      }
    }

    private void passOn() {
      for (int taken = 0; taken < row.length; ) {
        int next = Math.min(row.length - taken, PART - partFilled);
        System.arraycopy(row, taken, part, partFilled, next);
        taken += next;
        partFilled += next;
        if (partFilled == PART) {
          flush();
        }
      }
    }

    private void flush() {
      if (partFilled > 0) {
        sink.accept(part, partFilled);
        partFilled = 0;
      }
    }
  }

  /** Lets go of the adapter's file. */
  @Override
  public void close() {
    adapter.close();
  }
}
