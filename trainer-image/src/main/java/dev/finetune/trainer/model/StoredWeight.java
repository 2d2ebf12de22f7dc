package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.quant.QuantizedSource;
import dev.finetune.trainer.weights.SafetensorsReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/**
 * The tensors of one weight in a file, copied to where they belong by threads.
 *
 * <p>The file was whole when it was opened. If it is cut now, the volume is at fault and not what
 * the user wrote, so it is worth another attempt.
 */
final class StoredWeight implements QuantizedSource {
  private final Engine engine;
  private final SafetensorsReader file;
  private final String prefix;
  private final ExecutorService threads;
  private final List<Future<?>> arriving = new ArrayList<>();

  StoredWeight(Engine engine, SafetensorsReader file, String prefix, ExecutorService threads) {
    this.engine = engine;
    this.file = file;
    this.prefix = prefix;
    this.threads = threads;
  }

  /** Returns what has to be waited for. */
  List<Future<?>> arriving() {
    return List.copyOf(arriving);
  }

  @Override
  public void copy(String name, Tensor bytes) {
    Place place = new Place();
    read(
        () ->
            file.streamBytes(
                prefix + name,
                (values, count) -> engine.write(bytes, place.next(count), values, count)));
  }

  @Override
  public void copyFloats(String name, Tensor floats) {
    Place place = new Place();
    read(
        () ->
            file.stream(
                prefix + name,
                (values, count) -> engine.write(floats, place.next(count), values, count)));
  }

  @Override
  public float number(String name) {
    return file.readFloats(prefix + name)[0];
  }

  private void read(Runnable copy) {
    arriving.add(
        threads.submit(
            () -> {
              try {
                copy.run();
              } catch (UnreadableData e) {
                throw new StorageUnreachable("cache: " + e.getMessage(), e);
              }
            }));
  }

  /** Where in a tensor the next part goes. */
  private static final class Place {
    private long next;

    private long next(int count) {
      long at = next;
      next += count;
      return at;
    }
  }
}
