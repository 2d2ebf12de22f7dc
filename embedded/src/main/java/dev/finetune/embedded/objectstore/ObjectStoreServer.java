package dev.finetune.embedded.objectstore;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * An {@link EmbeddedObjectStore} as a process of its own, for clients that are other processes or
 * pods.
 *
 * <p>{@code --folder FOLDER [--host ADDRESS] [--port PORT] [--bucket BUCKET]...}; the keys that
 * clients sign with are in the environment, {@code AWS_ACCESS_KEY_ID} and {@code
 * AWS_SECRET_ACCESS_KEY}. It prints its URL once it answers, and ends on SIGTERM.
 */
public final class ObjectStoreServer {
  private ObjectStoreServer() {}

  /** Runs until it is told to stop; exits with 2 if the arguments are wrong, with 1 if it fails. */
  public static void main(String[] arguments) throws InterruptedException {
    try {
      CountDownLatch stopped = new CountDownLatch(1);
      EmbeddedObjectStore store = start(arguments, System.getenv(), System.out);
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () -> {
                    store.close();
                    stopped.countDown();
                  },
                  "stop"));
      stopped.await();
    } catch (IllegalArgumentException e) {
      System.err.println("object store: " + e.getMessage());
      System.exit(2);
    } catch (IOException e) {
      System.err.println("object store: " + e.getMessage());
      System.exit(1);
    }
  }

  /**
   * Starts the store, makes the buckets and prints the URL. The caller closes it.
   *
   * @throws IllegalArgumentException if an argument or a key is missing or wrong
   * @throws IOException if the folder cannot be made, or the port is taken
   */
  static EmbeddedObjectStore start(
      String[] arguments, Map<String, String> environment, PrintStream out) throws IOException {
    String folder = "";
    String host = "127.0.0.1";
    int port = 0;
    List<String> buckets = new ArrayList<>();
    for (int i = 0; i < arguments.length; i += 2) {
      if (i + 1 == arguments.length) {
        throw new IllegalArgumentException(arguments[i] + ": has no value");
      }
      String value = arguments[i + 1];
      switch (arguments[i]) {
        case "--folder" -> folder = value;
        case "--host" -> host = value;
        case "--port" -> port = port(value);
        case "--bucket" -> buckets.add(value);
        default ->
            throw new IllegalArgumentException(
                "expected --folder, --host, --port or --bucket, found " + arguments[i]);
      }
    }
    if (folder.isEmpty()) {
      throw new IllegalArgumentException("--folder: must be given");
    }
    EmbeddedObjectStore store =
        EmbeddedObjectStore.start(
            new ObjectStoreOptions(
                Path.of(folder),
                host,
                port,
                key(environment, "AWS_ACCESS_KEY_ID"),
                key(environment, "AWS_SECRET_ACCESS_KEY")));
    try {
      buckets.forEach(store::createBucket);
    } catch (RuntimeException e) {
      store.close();
      throw e;
    }
    out.println(store.endpoint());
    return store;
  }

  private static int port(String value) {
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("--port: must be a number, was " + value, e);
    }
  }

  private static String key(Map<String, String> environment, String name) {
    String value = environment.getOrDefault(name, "");
    if (value.isEmpty()) {
      throw new IllegalArgumentException(name + ": must be set in the environment");
    }
    return value;
  }
}
