package dev.finetune.trainer.model;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.cache.Content;
import dev.finetune.trainer.cache.ContentCache;
import dev.finetune.trainer.cache.HashingChannel;
import dev.finetune.trainer.engine.Processor;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.quant.Nf4Weight;
import dev.finetune.trainer.quant.QuantizedShape;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.Consumer;

/**
 * The quantized weights of one base model in a cache, so that they are quantized once.
 *
 * <p>Their key is everything that decides a bit of them: the bytes of the base model, the settings,
 * the version of what quantizes, and, since the mean of the scales is a sum that libtorch rounds,
 * its version, threads and vectors.
 */
public final class QuantizedCache {
  /** To be raised when the same weights give other bytes, or the file looks otherwise. */
  private static final int VERSION = 1;

  private final ContentCache cache;
  private final String key;
  private final Quantization quantization;
  private final Consumer<String> notices;

  /**
   * Makes one; nothing is read yet.
   *
   * @param cache where they are kept; must stay open as long as the model
   * @param base what the weights are made of
   * @param notices takes a sentence if they cannot be used or kept
   */
  public QuantizedCache(
      ContentCache cache, Base base, Quantization quantization, Consumer<String> notices) {
    this.cache = cache;
    this.key = base.key(quantization);
    this.quantization = quantization;
    this.notices = notices;
  }

  /**
   * What decides the bits beside the settings.
   *
   * @param content digest of the base model's bytes
   * @param threads threads of a sum
   * @param libtorch its version
   */
  public record Base(String content, int threads, String libtorch) {
    private String key(Quantization quantization) {
      return String.join(
          "\n",
          "version " + VERSION,
          content,
          quantization.type()
              + ", blocks of "
              + quantization.blockSize()
              + (quantization.doubleQuantization() ? ", scales quantized" : ""),
          "libtorch "
              + libtorch
              + ", "
              + threads
              + " threads, "
              + Processor.instructions(System.getenv()));
    }
  }

  /** Opens the weights of a model, if they are there and whole; the caller closes them. */
  Optional<QuantizedReader> open(ModelConfig config) {
    try {
      Path name = cache.newView().resolve("quantized.safetensors");
      return cache
          .find(QuantizedFile.class, key)
          .filter(file -> cache.use(file.content(), name))
          .map(_ -> QuantizedReader.open(name, config, quantization));
    } catch (TrainingFailure e) {
      notices.accept("quantized weights of the cache are not used: " + e.getMessage());
      return Optional.empty();
    }
  }

  /**
   * Begins to write weights on a thread of its own.
   *
   * @param weights by the name of the base model's tensor; not freed before the saving is closed
   */
  Saving save(SortedMap<String, Nf4Weight> weights) {
    return new Saving(
        Thread.ofPlatform().daemon().name("quantized-weights").start(() -> write(weights)));
  }

  /** Weights that are being written. */
  static final class Saving implements AutoCloseable {
    private final Thread thread;

    private Saving(Thread thread) {
      this.thread = thread;
    }

    /** Waits until they are written. */
    void await() throws InterruptedException {
      thread.join();
    }

    /** Gives up on what is not written yet; once this returns, no weight is read any more. */
    @Override
    public void close() {
      thread.interrupt();
      boolean interrupted = false;
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          // The weights are freed next, so there is no way but to wait.
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void write(SortedMap<String, Nf4Weight> weights) {
    long bytes =
        weights.values().stream()
            .flatMap(weight -> weight.kept().values().stream())
            .mapToLong(tensor -> tensor.bytes())
            .sum();
    try {
      cache.makeRoom("quantized weights", bytes);
      Content content = cache.add(null, file -> write(weights, file));
      cache.put(new QuantizedFile(key, content.sha256(), content.bytes()));
    } catch (TrainingFailure e) {
      if (!Thread.currentThread().isInterrupted()) {
        notices.accept("quantized weights are not kept: " + e.getMessage());
      }
    }
  }

  private static Content write(SortedMap<String, Nf4Weight> weights, Path file) throws IOException {
    SafetensorsWriter writer = new SafetensorsWriter();
    weights.forEach((name, weight) -> add(writer, name, weight));
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      HashingChannel hashing = new HashingChannel(channel);
      writer.writeTo(hashing);
      channel.force(true);
      return hashing.content();
    }
  }

  private static void add(SafetensorsWriter writer, String name, Nf4Weight weight) {
    weight
        .kept()
        .forEach(
            (part, tensor) -> {
              ByteBuffer bytes = tensor.contents().asByteBuffer().order(ByteOrder.nativeOrder());
              long[] shape = {tensor.elements()};
              if (tensor.bytes() == tensor.elements()) {
                writer.add(name + "." + part, shape, bytes);
              } else {
                writer.add(name + "." + part, shape, bytes.asFloatBuffer());
              }
            });
    weight
        .offset()
        .ifPresent(
            offset ->
                writer.add(
                    name + "." + QuantizedShape.OFFSET,
                    new long[] {1},
                    FloatBuffer.wrap(new float[] {(float) offset})));
  }
}
