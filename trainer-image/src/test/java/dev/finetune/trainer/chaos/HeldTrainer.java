package dev.finetune.trainer.chaos;

import dev.finetune.trainer.recipe.TrainerInTest;
import dev.finetune.trainer.storage.ConditionalWrite;
import dev.finetune.trainer.storage.ForwardingStore;
import dev.finetune.trainer.storage.ObjectStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * {@code trainer run --job FILE --storage URI --metrics FILE} that stands still before one of its
 * writes: it makes the file {@code held} and waits for the file {@code released}.
 */
public final class HeldTrainer {
  /** Variable with the requests, see {@link RequestSequence}, one a line. */
  static final String REQUESTS = "CHAOS_HOLD_REQUESTS";

  /** Variable with the folder of the two files. */
  static final String SIGNS = "CHAOS_HOLD_SIGNS";

  static final String HELD = "held";
  static final String RELEASED = "released";

  private HeldTrainer() {}

  /** Runs the trainer. */
  public static void main(String[] arguments) {
    RequestSequence wanted = new RequestSequence(System.getenv().get(REQUESTS).lines().toList());
    Path signs = Path.of(System.getenv().get(SIGNS));
    new TrainerInTest(Path.of(arguments[2]), arguments[4], Path.of(arguments[6]), System.getenv())
        .runAsProcess(store -> new HoldingStore(store, wanted, signs));
  }

  private static final class HoldingStore extends ForwardingStore {
    private final RequestSequence wanted;
    private final Path signs;

    HoldingStore(ObjectStore store, RequestSequence wanted, Path signs) {
      super(store);
      this.wanted = wanted;
      this.signs = signs;
    }

    private void pass(String method, String key) {
      if (!wanted.endsWith(method + " " + key)) {
        return;
      }
      try {
        Files.writeString(signs.resolve(HELD), method + " " + key);
        while (!Files.exists(signs.resolve(RELEASED))) {
          Thread.sleep(1);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("held, and interrupted", e);
      }
    }

    @Override
    public String put(String key, byte[] content) {
      pass("PUT", key);
      return super.put(key, content);
    }

    @Override
    public String upload(String key, Path file) {
      pass("PUT", key);
      return super.upload(key, file);
    }

    @Override
    public ConditionalWrite putIfAbsent(String key, byte[] content) {
      pass("PUT", key);
      return super.putIfAbsent(key, content);
    }

    @Override
    public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
      pass("PUT", key);
      return super.putIfMatch(key, content, etag);
    }

    @Override
    public void delete(String key) {
      pass("DELETE", key);
      super.delete(key);
    }
  }
}
