package dev.finetune.trainer.weights;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.finetune.trainer.failure.TrainingFailure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;

/** Opens files that were made to do harm, and watches what the reader does about it. */
final class Hostile {
  private static final long MOST_ALLOCATED = 96L << 20;

  private Hostile() {}

  /** Reads every tensor; only a failure that is fit for a person may come out of it. */
  static void readsOrRefuses(byte[] bytes, Function<Path, WeightReader> open) {
    Path file = write(Path.of(System.getProperty("java.io.tmpdir")), bytes);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    try (WeightReader reader = open.apply(file)) {
      for (String name : reader.names()) {
        long elements = 1;
        for (long size : reader.shape(name)) {
          elements *= size;
        }
        reader.read(name, FloatBuffer.allocate(Math.toIntExact(elements)));
      }
    } catch (TrainingFailure e) {
      assertThat(e).hasMessageContaining(file.getFileName().toString());
    } finally {
      delete(file);
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(MOST_ALLOCATED);
  }

  /** Writes bytes to a new file of a folder. */
  static Path write(Path folder, byte[] bytes) {
    try {
      return Files.write(Files.createTempFile(folder, "hostile", ".bin"), bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path file) {
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
